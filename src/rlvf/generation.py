"""Generates a policy's completions, greedy or sampled, in batches by prompt length, with a seed."""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Literal

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase, set_seed

from rlvf.config import DecodingSettings, GenerateSettings
from rlvf.models.loading import load_policy, tokenize_prompts
from rlvf.progress import Progress
from rlvf.prompts import opened_by_prompt
from rlvf.records import BaseTask, Completion


def generate(
    model: Path,
    adapter: Path | None,
    environment: ModuleType,
    tasks: Sequence[BaseTask],
    settings: GenerateSettings,
) -> list[Completion]:
    """The completions of a policy, ordered by task as given and sample_id. The environment (see
    rlvf.environments) is that of the tasks, each of which has another task_id.

    Raises:
        RlvfError: the model or adapter cannot be loaded, or they do not fit.
    """
    policy, tokenizer = load_policy(model, settings.dtype, adapter)
    policy.eval()
    decoding = settings.decoding
    policy.generation_config.update(**_generation(decoding))
    asked = {task.task_id: environment.build_prompt(task, settings.prompt) for task in tasks}
    prompts = tokenize_prompts(
        policy, tokenizer, asked, settings.prompt, decoding.max_completion_tokens
    )
    opened = opened_by_prompt(tokenizer, settings.prompt, environment.OPENING)
    # Prompts of similar length are put together. Then there is less padding, and the longest has
    # less to wait for.
    order = sorted(
        ((task, sample) for task in range(len(tasks)) for sample in range(decoding.samples)),
        key=lambda job: (len(prompts[job[0]]), job),
    )
    set_seed(settings.seed)
    progress = Progress("generate", len(order))
    done: dict[tuple[int, int], Completion] = {}
    for start in range(0, len(order), decoding.batch_size):
        batch = order[start : start + decoding.batch_size]
        outputs = _generate_batch(policy, tokenizer, [prompts[task] for task, _ in batch])
        for (task, sample), ids in zip(batch, outputs, strict=True):
            text, tokens, reason = _text(tokenizer, ids, policy.generation_config.eos_token_id)
            done[task, sample] = Completion(
                task_id=tasks[task].task_id,
                sample_id=sample,
                completion=text,
                code=environment.extract_answer(text, tasks[task], opened),
                tokens=tokens,
                finish_reason=reason,
            )
        progress.update(len(done))
    return [done[key] for key in sorted(done)]


def _generate_batch(
    policy: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: list[list[int]]
) -> list[list[int]]:
    """The token ids after each prompt, stop and padding tokens included."""
    inputs = tokenizer.pad({"input_ids": prompts}, return_tensors="pt").to(policy.device)
    with torch.inference_mode():
        output = policy.generate(**inputs)
    return output[:, inputs["input_ids"].shape[1] :].tolist()


def _generation(decoding: DecodingSettings) -> dict[str, int | float | bool]:
    """What the configuration states, in the words of transformers' GenerationConfig."""
    stated = {"max_new_tokens": decoding.max_completion_tokens, "do_sample": False}
    if decoding.temperature > 0:
        stated |= {
            "do_sample": True,
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "top_k": decoding.top_k,
        }
    return stated


def _text(
    tokenizer: PreTrainedTokenizerBase, ids: list[int], stops: list[int]
) -> tuple[str, int, Literal["stop", "length"]]:
    """A completion's text, number of tokens and finish reason, cut at the first stop token, which
    counts as a token but is no text."""
    end = next((place for place, token in enumerate(ids) if token in stops), None)
    text = tokenizer.decode(ids if end is None else ids[:end], skip_special_tokens=True)
    return (text, len(ids), "length") if end is None else (text, end + 1, "stop")
