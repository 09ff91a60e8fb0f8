"""Loads a policy: a model, its tokenizer and, if it was trained, its adapter.

Some faults make results wrong although libraries only warn about them, and others are noticed by
libraries only in the middle of a run. Here they are errors before anything is computed.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from rlvf.errors import RlvfError
from rlvf.models.adapters import load_adapter
from rlvf.models.weights import (
    library_errors_named,
    not_finite,
    read_weights,
    unusual,
    weights_files,
)
from rlvf.prompts import Prompt, tokenize_prompt
from rlvf.settings import PromptSettings

# Loading takes only a moment, and its progress bars would clutter the logs.
logging.disable_progress_bar()

_REMEDY = "name a complete model folder, or make this one again: `rlvf fetch`, `rlvf pretrain`"


def load_policy(
    folder: Path, dtype: str, adapter: Path | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a folder's causal language model on the best device, with the adapter if one is given,
    and its tokenizer.

    The model's own defaults for generation (top_k 20, repetition_penalty 1.1, ...) are removed,
    because libraries use them for whatever is not stated. The tokens that end a completion are
    kept.

    Raises:
        RlvfError: there is no such model or tokenizer, they do not fit each other, or the adapter
            was made for another model.
    """
    model, tokenizer = load_model(folder, dtype, adapter), load_tokenizer(folder)
    places = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > places:
        raise RlvfError(
            f"{folder}: the tokenizer has {len(tokenizer)} tokens and the model embeds {places}; "
            f"{_REMEDY}"
        )
    stops = model.generation_config.eos_token_id
    stops = stops if isinstance(stops, list) else [] if stops is None else [stops]
    if not all(isinstance(stop, int) for stop in stops):
        raise RlvfError(f"{folder}: eos_token_id {stops} are no numbers of tokens; {_REMEDY}")
    model.generation_config = GenerationConfig(
        eos_token_id=sorted({tokenizer.eos_token_id, *stops}),
        pad_token_id=tokenizer.pad_token_id,
    )
    return model, tokenizer


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a model folder. It pads on the left, as generation needs it.

    Raises:
        RlvfError: the folder has no tokenizer, or one without a token that ends a completion.
    """
    _require(folder, "tokenizer_config.json")
    with library_errors_named(folder, "the tokenizer cannot be loaded", _REMEDY):
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, padding_side="left"
        )
    if tokenizer.eos_token_id is None:
        raise RlvfError(
            f"{folder}: the tokenizer has no end token, so that no completion would ever end; set "
            "eos_token in its tokenizer_config.json"
        )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(folder: Path, dtype: str, adapter: Path | None = None) -> PreTrainedModel:
    """Load a folder's causal language model on the best device, with the adapter if one is given.

    Raises:
        RlvfError: there is no model, it lacks weights or has too many, or the adapter was made for
            another model.
    """
    _require(folder, "config.json")
    dtypes = {}
    for path in weights_files(folder):
        dtypes |= read_weights(path, _REMEDY)
    with library_errors_named(folder, "the model cannot be loaded", _REMEDY):
        if (Path(folder) / "generation_config.json").exists():
            # transformers ignores this file if it cannot be read, and then lacks the tokens that
            # end a completion.
            GenerationConfig.from_pretrained(folder, local_files_only=True)
        local = {"local_files_only": True, "trust_remote_code": False}
        config = AutoConfig.from_pretrained(folder, **local)
        verbosity = logging.get_verbosity()
        logging.set_verbosity_error()  # instead of its table there is one line of an error
        try:
            model, report = AutoModelForCausalLM.from_pretrained(
                folder,
                config=config,
                dtype=getattr(torch, dtype),
                use_safetensors=True,
                ignore_mismatched_sizes=True,  # the report has them, and they are refused below
                output_loading_info=True,
                **local,
            )
        finally:
            logging.set_verbosity(verbosity)
    if problem := _misfit(model, dtypes, report):
        raise RlvfError(f"{folder}: {problem}; {_REMEDY}")
    if adapter is not None:
        model = load_adapter(model, folder, adapter)
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


def _misfit(model: PreTrainedModel, dtypes: dict[str, str], report: dict) -> str | None:
    """Say how a model's weights and its configuration differ, if they do."""
    if getattr(model.config, "quantization_config", None) is not None:
        return "the model is quantised, and the settings state its dtype"
    for kind, what in (
        ("missing_keys", "lacks weights, which would be random numbers"),
        ("unexpected_keys", "holds weights that its architecture does not have"),
        ("mismatched_keys", "holds weights of another shape"),
    ):
        # An entry for a mismatch has the shapes as well as the name.
        if names := sorted(one if isinstance(one, str) else one[0] for one in report[kind]):
            return f"the model {what}: {len(names)}, such as {names[0]}"
    own = {name for name, _ in model.named_parameters()}
    if problem := unusual({name: dtype for name, dtype in dtypes.items() if name in own}):
        return problem
    tied = model.get_input_embeddings().weight is model.get_output_embeddings().weight
    if model.config.get_text_config().tie_word_embeddings and not tied:
        return "config.json says tie_word_embeddings, and the weights of the two differ"
    return not_finite(dict(model.named_parameters()))


def tokenize_prompts(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Mapping[str, Prompt],
    settings: PromptSettings,
    max_completion_tokens: int,
) -> list[list[int]]:
    """Return the token ids of each prompt, and check that the model's context has room for it and
    a completion. `prompts` are by task_id.

    Raises:
        RlvfError: the tokenizer cannot write such a prompt; or a prompt leaves too little of the
            model's context for a completion.
    """
    where = tokenizer.name_or_path
    if settings.chat and not tokenizer.chat_template:
        raise RlvfError(
            f"{where}: the tokenizer has no chat template; set prompt.chat: false (a base model)"
        )
    remedy = "correct its chat template, or set prompt.chat: false"
    with library_errors_named(where, "the tokenizer cannot write a prompt", remedy):
        tokenized = [tokenize_prompt(tokenizer, prompt, settings) for prompt in prompts.values()]
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    for task_id, tokens in zip(prompts, tokenized, strict=True):
        if context is not None and len(tokens) + max_completion_tokens > context:
            raise RlvfError(
                f"task {task_id!r}: its prompt of {len(tokens)} tokens and "
                f"max_completion_tokens {max_completion_tokens} are more than the {context} that "
                f"{where} reads; lower max_completion_tokens or prompt.tests_shown, or leave it out"
            )
    return tokenized


def _require(folder: Path, name: str) -> None:
    path = Path(folder) / name
    try:
        with open(path, "rb"):
            pass
    except FileNotFoundError as error:
        raise RlvfError(f"{path}: no such file; is {folder} the right folder?") from error
    except OSError as error:
        raise RlvfError(f"{path}: cannot be read: {error.strerror}") from error
