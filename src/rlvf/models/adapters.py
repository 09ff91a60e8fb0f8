"""Writes an adapter to a folder after a training, and loads it onto its model again.

The folder has a checksum of the model's weights (`base.json`), because an adapter can be loaded
without complaint onto another model of the same architecture. The folder has no paths of other
files, so that equal trainings in different places write equal bytes.
"""

import contextlib
import hashlib
import warnings
from collections.abc import Collection, Iterator
from pathlib import Path

from peft import LoraConfig, PeftConfig, PeftModel, PeftType, get_peft_model_state_dict
from pydantic import ValidationError
from transformers import PreTrainedModel

from rlvf.checksums import fetched_source
from rlvf.errors import RlvfError
from rlvf.files import file_checksum
from rlvf.models.weights import (
    library_errors_named,
    not_finite,
    read_weights,
    unusual,
    weights_files,
)
from rlvf.records import Record

_BASE, _CONFIG, _WEIGHTS = "base.json", "adapter_config.json", "adapter_model.safetensors"
_REMEDY = "train it again"


class Base(Record):
    """The model that an adapter belongs to. It has the repository and revision if it was fetched,
    and otherwise its name in the configuration; `weights` is a checksum of its files of weights."""

    name: str
    revision: str | None
    weights: str


def base_of(folder: Path, name: str) -> Base:
    """Describe the model in a folder, which the configuration calls `name`."""
    source = fetched_source(folder)
    return Base(
        name=source.repo if source else name,
        revision=source.revision if source else None,
        weights=_weights_checksum(folder),
    )


def _weights_checksum(folder: Path) -> str:
    lines = (f"{path.name} {file_checksum(path)}" for path in weights_files(folder))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def save_adapter(model: PeftModel, base: Base, folder: Path) -> None:
    """Write the LoRA adapter of a model that was made from `base`. The model is left as it was, so
    that a training can go on with it."""
    config, inner = model.peft_config["default"], model.get_base_model()
    # Peft would name the model's folder, in the adapter's configuration and on its card. And the
    # modules are a set, whose order would differ from run to run.
    named = {"base_model_name_or_path": base.name, "revision": base.revision}
    with (
        _set(config, **named, target_modules=sorted(config.target_modules)),
        _set(inner, name_or_path=base.name),
        _set(inner.config, name_or_path=base.name),
    ):
        model.save_pretrained(
            str(folder),
            # TRL keeps a copy of an adapter beside it, as the reference of a KL term.
            selected_adapters=["default"],
            # Otherwise peft asks the hub for the base model, to see whether its vocabulary was
            # resized.
            save_embedding_layers=False,
        )
    (Path(folder) / _BASE).write_text(base.model_dump_json(indent=1) + "\n", encoding="utf-8")


@contextlib.contextmanager
def _set(owner: object, **values: object) -> Iterator[None]:
    """Set attributes within a context."""
    before = {name: getattr(owner, name) for name in values}
    for name, value in values.items():
        setattr(owner, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(owner, name, value)


def load_adapter(
    model: PreTrainedModel, model_folder: Path, folder: Path, trainable: bool = False
) -> PeftModel:
    """Return a model, which was loaded from `model_folder`, with the adapter of `folder`. A
    `trainable` one can be trained further.

    Raises:
        RlvfError: the adapter was trained for another model, its tensors are not exactly those
            that its configuration asks for, or it cannot be read.
    """
    folder = Path(folder)
    base = _read_base(folder / _BASE)
    if base.weights != _weights_checksum(model_folder):
        at = f"@{base.revision[:12]}" if base.revision else ""
        raise RlvfError(
            f"{folder}: this adapter was trained for {base.name}{at}, and {model_folder} holds "
            f"other weights; name the model that it was trained with, or {_REMEDY}"
        )
    with library_errors_named(folder, "the adapter cannot be loaded", _REMEDY):
        found = read_weights(folder / _WEIGHTS, _REMEDY)
        with warnings.catch_warnings():
            # peft only warns about missing tensors and about settings that it does not know.
            warnings.filterwarnings("error", module=r"peft\b")
            config = PeftConfig.from_pretrained(str(folder))
            if config.peft_type != PeftType.LORA or not isinstance(config, LoraConfig):
                raise RlvfError(f"{folder / _CONFIG}: peft_type is not LORA; {_REMEDY}")
            # Where peft saves such a model, it looks there for the base model, and not at the hub.
            config.base_model_name_or_path, config.revision = str(model_folder), None
            loaded = PeftModel.from_pretrained(
                model, str(folder), config=config, is_trainable=trainable
            )
        # peft silently ignores tensors that no module asks for.
        wanted = get_peft_model_state_dict(loaded, save_embedding_layers=False)
        problem = _differing(found, wanted) or unusual(found) or not_finite(wanted)
    if problem:
        raise RlvfError(f"{folder / _WEIGHTS}: {problem}; {_REMEDY}")
    return loaded


def _differing(found: Collection[str], wanted: Collection[str]) -> str | None:
    names = sorted(set(found) ^ set(wanted))
    if names:
        return f"{_CONFIG} asks for other tensors: {len(names)} differ, such as {names[0]}"
    return None


def _read_base(path: Path) -> Base:
    try:
        return Base.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RlvfError(
            f"{path}: cannot be read ({error.strerror}), so that it is not known which model this "
            f"adapter was trained for; {_REMEDY}"
        ) from error
    except ValidationError as error:
        raise RlvfError(f"{path}: is no record of a base model; {_REMEDY}") from error
