"""Checks the files of weights in a model's or adapter's folder, and explains libraries' errors."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from rlvf.errors import RlvfError

# These are safetensors' names of the types of weights. Tensors of other types are quantised or are
# not weights, and libraries would read them as plain numbers.
_DTYPES = ("F32", "BF16", "F16")


def weights_files(folder: Path) -> list[Path]:
    """Return a model's files of weights, sorted by name."""
    return sorted(Path(folder).glob("*.safetensors"))


def read_weights(path: Path, remedy: str) -> dict[str, str]:
    """Return the data type of each tensor in a file, by its name, without reading the tensors.

    Raises:
        RlvfError: there is no such file, it is cut short, or it is not a file of tensors; the
            message says which.
    """
    try:
        with open(path, "rb"):  # safetensors does not say why a file cannot be opened
            pass
        with safe_open(path, "pt") as file:
            return {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise RlvfError(f"{path}: cannot be read: {_reason(error)}; {remedy}") from error


def unusual(dtypes: dict[str, str]) -> str | None:
    """Say what is wrong with the data types of weights, if anything."""
    for name, dtype in dtypes.items():
        if dtype not in _DTYPES:
            return f"{name} holds no floating-point numbers of 16 or 32 bits, but {dtype}"
    return None


def not_finite(weights: Mapping[str, Tensor]) -> str | None:
    """Say what is wrong with the numbers themselves, if anything."""
    for name, tensor in weights.items():
        if not tensor.isfinite().all():
            return f"{name} holds numbers that are not finite"
    return None


@contextlib.contextmanager
def library_errors_named(folder: Path, problem: str, remedy: str) -> Iterator[None]:
    """Turn whatever a library raises into an error of one line that names the folder and what to
    do."""
    try:
        yield
    except (RlvfError, MemoryError):
        raise
    # Libraries raise all sorts of exceptions, some of them plain instances of Exception.
    except Exception as error:
        raise RlvfError(f"{folder}: {problem}: {_reason(error)}; {remedy}") from error


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if isinstance(error, KeyError):
        text = f"there is no {text}"
    return " ".join(text.split())[:200] or type(error).__name__
