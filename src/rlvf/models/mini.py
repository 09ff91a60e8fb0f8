"""Pretrains mini models, which have published architectures with about a million parameters.

They replace published models where there is no network and no GPU. Like those, they are Hugging
Face folders with a model, a tokenizer and a chat template.
"""

import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers import models as tokenizer_models
from tokenizers.trainers import BpeTrainer
from torch.utils.data import IterableDataset
from transformers import (
    DataCollatorForSeq2Seq,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    PrinterCallback,
    Qwen3Config,
    Qwen3ForCausalLM,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)

from rlvf.benchmarks.minimbpp import pretraining_samples
from rlvf.config import PretrainSettings
from rlvf.environments.program import build_prompt
from rlvf.files import atomic_directory
from rlvf.models.catalogue import MiniModel
from rlvf.progress import Progress
from rlvf.prompts import Prompt, tokenize_prompt

_TOKENIZER_SAMPLES = 4000
_MAX_POSITIONS = 2048
_BATCHES_SORTED = 16

# This is each family's own chat markup, reduced to what a single turn needs.
_SPECIAL_TOKENS = {
    "qwen3": {
        "bos": None,
        "eos": "<|im_end|>",
        "pad": "<|endoftext|>",
        "others": ["<|im_start|>", "<think>", "</think>"],
    },
    "llama": {
        "bos": "<|begin_of_text|>",
        "eos": "<|eot_id|>",
        "pad": "<|finetune_right_pad_id|>",
        "others": ["<|start_header_id|>", "<|end_header_id|>"],
    },
}
_CHAT_TEMPLATES = {
    "qwen3": (
        "{%- for message in messages -%}"
        "{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
        "{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}"
        "{%- if enable_thinking is defined and enable_thinking is false -%}"
        "{{ '<think>\\n\\n</think>\\n\\n' }}{%- endif -%}{%- endif -%}"
    ),
    "llama": (
        "{{ bos_token }}{%- for message in messages -%}"
        "{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n'"
        " + message.content + '<|eot_id|>' }}"
        "{%- endfor -%}"
        "{%- if add_generation_prompt -%}"
        "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif -%}"
    ),
}


def pretrain(settings: PretrainSettings, out: Path) -> None:
    """Train a tokenizer and a model on the generated corpus and save both under `out`.

    The corpus is endless, so every sample is new. The loss is computed only on the completions'
    tokens.
    """
    shape = settings.model
    set_seed(shape.seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    corpus = _Corpus(settings)
    tokenizer = corpus.tokenizer = _train_tokenizer(settings, corpus)
    model = _new_model(shape, tokenizer)
    with atomic_directory(out) as folder:
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=str(folder),
                max_steps=shape.steps,
                per_device_train_batch_size=shape.batch_size,
                learning_rate=shape.learning_rate,
                lr_scheduler_type="cosine",
                warmup_steps=shape.steps // 20,
                max_grad_norm=1.0,
                seed=shape.seed,
                logging_steps=10,
                save_strategy="no",
                report_to=[],
                disable_tqdm=True,
                dataloader_pin_memory=False,
            ),
            train_dataset=corpus,
            data_collator=DataCollatorForSeq2Seq(tokenizer, label_pad_token_id=-100),
            callbacks=[_LossProgress(Progress("pretrain", shape.steps))],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


class _LossProgress(TrainerCallback):
    def __init__(self, progress: Progress):
        self.progress = progress

    def on_log(self, args, state, control, logs=None, **kwargs):
        if "loss" in logs:
            self.progress.update(state.global_step, f"loss {float(logs['loss']):.3f}")


class _Corpus(IterableDataset):
    """Yields endless tokenized training samples. Each has a prompt and a completion, and labels for
    a loss on the completion."""

    def __init__(self, settings: PretrainSettings):
        self.settings = settings
        self.tokenizer: PreTrainedTokenizerFast | None = None

    def texts(self) -> Iterator[tuple[Prompt, str]]:
        """Yield pairs of prompt and completion, which are the same each time."""
        model = self.settings.model
        samples = pretraining_samples(
            self.settings.benchmark,
            model.misconception_rate,
            model.lint_habit_rate,
            random.Random(f"{model.seed}/corpus"),
        )
        for task, completion in samples:
            yield build_prompt(task, self.settings.model.prompt), completion

    def __iter__(self) -> Iterator[dict[str, list[int]]]:
        """Yield samples in batches of similar length, which need less padding, and the batches in a
        random order."""
        size = self.settings.model.batch_size
        rng = random.Random(f"{self.settings.model.seed}/batches")
        samples = (self._tokenize(*texts) for texts in self.texts())
        while True:
            window = sorted(islice(samples, size * _BATCHES_SORTED), key=_length)
            batches = [window[start : start + size] for start in range(0, len(window), size)]
            rng.shuffle(batches)
            for batch in batches:
                yield from batch

    def _tokenize(self, prompt: Prompt, completion: str) -> dict[str, list[int]]:
        start = tokenize_prompt(self.tokenizer, prompt, self.settings.model.prompt)
        end = self.tokenizer(completion, add_special_tokens=False)["input_ids"]
        end.append(self.tokenizer.eos_token_id)
        return {
            "input_ids": start + end,
            "attention_mask": [1] * len(start + end),
            "labels": [-100] * len(start) + end,
        }


def _length(sample: dict[str, list[int]]) -> int:
    return len(sample["input_ids"])


def _train_tokenizer(settings: PretrainSettings, corpus: _Corpus) -> PreTrainedTokenizerFast:
    special = _SPECIAL_TOKENS[settings.model.architecture]
    tokens = [t for t in (special["pad"], special["bos"], special["eos"]) if t] + special["others"]
    bpe = Tokenizer(tokenizer_models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    pairs = islice(corpus.texts(), _TOKENIZER_SAMPLES)
    bpe.train_from_iterator(
        (text for prompt, completion in pairs for text in (_plain(prompt), completion)),
        BpeTrainer(
            vocab_size=settings.model.vocabulary,
            special_tokens=tokens,
            # The alphabet has every byte, so that any text can be written.
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token=special["bos"],
        eos_token=special["eos"],
        pad_token=special["pad"],
        chat_template=_CHAT_TEMPLATES[settings.model.architecture],
        model_max_length=_MAX_POSITIONS,
    )


def _plain(prompt: Prompt) -> str:
    """Return the words of a prompt, including those of the chat markup."""
    if isinstance(prompt, str):
        return prompt
    return "\n".join(f"{turn['role']}\n{turn['content']}" for turn in prompt) + "\nassistant"


def _new_model(settings: MiniModel, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    config, model = {
        "qwen3": (Qwen3Config, Qwen3ForCausalLM),
        "llama": (LlamaConfig, LlamaForCausalLM),
    }[settings.architecture]
    return model(
        config(
            vocab_size=len(tokenizer),
            hidden_size=settings.hidden_size,
            num_hidden_layers=settings.layers,
            num_attention_heads=settings.heads,
            num_key_value_heads=settings.kv_heads,
            head_dim=settings.hidden_size // settings.heads,
            intermediate_size=settings.intermediate_size,
            max_position_embeddings=_MAX_POSITIONS,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    ).to(getattr(torch, settings.dtype))
