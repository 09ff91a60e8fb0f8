"""Loading a policy: a model folder, its tokenizer and, if trained, its adapter."""

from pathlib import Path

import torch
from peft import PeftModel
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils.logging import disable_progress_bar

from rlvf.errors import RlvfError

# Loading takes a moment; bars of it only clutter the logs.
disable_progress_bar()


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder, padding on the left as generation needs it.

    Raises:
        RlvfError: the folder holds none.
    """
    _require(folder, "tokenizer_config.json")
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, padding_side="left")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(folder: Path, dtype: str, adapter: Path | None = None) -> PreTrainedModel:
    """A model folder's causal language model on the best device, with its adapter if one is given.

    Raises:
        RlvfError: there is no model, or the adapter was made for another one.
    """
    _require(folder, "config.json")
    model = AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, dtype=getattr(torch, dtype)
    )
    if adapter is not None:
        _require(adapter, "adapter_config.json")
        try:
            model = PeftModel.from_pretrained(model, str(adapter))
        except (RuntimeError, ValueError, KeyError) as error:
            # peft lists every tensor that does not fit; the first lines say enough.
            first = " ".join(str(error).split())[:200]
            raise RlvfError(
                f"{adapter}: this adapter does not fit the model {folder}: {first}"
            ) from error
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


def _require(folder: Path, name: str) -> None:
    if not (Path(folder) / name).is_file():
        raise RlvfError(f"{Path(folder) / name}: no such file; is {folder} the right folder?")
