"""The files of weights in a model's or adapter's folder, and what libraries say of them."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from rlvf.errors import RlvfError

# As safetensors spells them. Others are quantised, or no weights: libraries read them as numbers.
_DTYPES = ("F32", "BF16", "F16")


def weights_files(folder: Path) -> list[Path]:
    """A model's files of weights, by name."""
    return sorted(Path(folder).glob("*.safetensors"))


def read_weights(path: Path, remedy: str) -> dict[str, str]:
    """The data type of each tensor in a file, by its name, without reading the tensors.

    Raises:
        RlvfError: there is no such file, or it is cut short or something else; says which.
    """
    try:
        with open(path, "rb"):  # safetensors does not say what forbids it
            pass
        with safe_open(path, "pt") as file:
            return {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise RlvfError(f"{path}: cannot be read: {_reason(error)}; {remedy}") from error


def unusual(dtypes: dict[str, str]) -> str | None:
    """What is wrong with data types of weights, if anything."""
    for name, dtype in dtypes.items():
        if dtype not in _DTYPES:
            return f"{name} holds no floating-point numbers of 16 or 32 bits, but {dtype}"
    return None


def not_finite(weights: Mapping[str, Tensor]) -> str | None:
    """What is wrong with the numbers themselves, if anything."""
    for name, tensor in weights.items():
        if not tensor.isfinite().all():
            return f"{name} holds numbers that are not finite"
    return None


@contextlib.contextmanager
def library_errors_named(folder: Path, problem: str, remedy: str) -> Iterator[None]:
    """Whatever a library raises becomes one line that names the folder and what to do."""
    try:
        yield
    except (RlvfError, MemoryError):
        raise
    # They raise all sorts of exceptions, some of them Exception itself.
    except Exception as error:
        raise RlvfError(f"{folder}: {problem}: {_reason(error)}; {remedy}") from error


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if isinstance(error, KeyError):
        text = f"there is no {text}"
    return " ".join(text.split())[:200] or type(error).__name__
