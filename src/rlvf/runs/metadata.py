"""Reads what Snakemake has recorded of each product. The records lie in `.snakemake/metadata`: a
JSON file for each product, whose name encodes the product's path."""

import ast
import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlvf.errors import RlvfError

METADATA = Path(".snakemake/metadata")


@dataclass(frozen=True)
class Recorded:
    """How a product was made. `params` are the parameters of its rule that Snakemake tracks, in no
    particular order; `checksums` are those of `inputs`, as far as Snakemake computes them; `start`
    and `end` are in seconds since 1970; `file` is the path of the record itself."""

    product: str
    rule: str
    inputs: list[str]
    params: list[Any]
    log: str | None
    command: str | None
    checksums: dict[str, str]
    start: float
    end: float
    file: str


def recorded_products() -> list[str]:
    """Return the paths of all products of which there is a record, even if they no longer exist.

    Raises:
        RlvfError: Snakemake has not run in this folder.
    """
    if not METADATA.is_dir():
        raise RlvfError(
            f"{METADATA}: is not there; call this in the folder in which Snakemake made the results"
        )
    files = (path for path in METADATA.rglob("*") if path.is_file())
    return sorted(_product(path.relative_to(METADATA)) for path in files)


def recorded(product: str) -> Recorded:
    """Return what is recorded of one product.

    Raises:
        RlvfError: there is no record, or it cannot be read.
    """
    path = METADATA / _name(product)
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return Recorded(
            product=product,
            rule=raw["rule"],
            inputs=raw["input"],
            params=[ast.literal_eval(text) for text in raw["params"]],
            log=next(iter(raw["log"]), None),
            command=raw["shellcmd"],
            checksums=raw["input_checksums"],
            start=raw["starttime"],
            end=raw["endtime"],
            file=str(path),
        )
    except (OSError, ValueError, LookupError, TypeError, SyntaxError) as error:
        raise RlvfError(
            f"{path}: cannot be read ({type(error).__name__}: {error}); delete {product} and run "
            "Snakemake again"
        ) from error


# A name that is too long for a file is cut into parts; all but the last become folders, whose names
# begin with "@".
_LONGEST = 254


def _name(product: str) -> Path:
    text = base64.urlsafe_b64encode(product.encode()).decode()
    parts = [text[i : i + _LONGEST] for i in range(0, len(text), _LONGEST)]
    return Path(*[f"@{part}" for part in parts[:-1]], parts[-1])


def _product(name: Path) -> str:
    text = "".join(part.removeprefix("@") for part in name.parts)
    return base64.urlsafe_b64decode(text).decode()
