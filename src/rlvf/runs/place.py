"""Writes and reads the line that says where a stage ran, which is the last line of its log, and
finds out which commit is checked out."""

import platform
import re
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from rlvf.records import Record

_LINE = re.compile(r"^rlvf [a-z]+: ran on (\{.*\})$", re.MULTILINE)


class Place(Record):
    """Where a stage ran. `gpu` is the name of the GPU that was used, `torch` the version and build
    of PyTorch; None means that it was not used."""

    host: str
    system: str
    python: str
    torch: str | None
    gpu: str | None


def place_line(stage: str) -> str:
    """Return the line that says where this process ran a stage. Call it at the end of the stage,
    when it is known what the stage used."""
    torch = sys.modules.get("torch")
    used = torch is not None and torch.cuda.is_initialized()
    place = Place(
        host=socket.gethostname(),
        system=platform.platform(),
        python=platform.python_version(),
        torch=torch and torch.__version__,
        gpu=torch.cuda.get_device_name() if used else None,
    )
    return f"rlvf {stage}: ran on {place.model_dump_json()}"


def read_place(log: Path) -> Place | None:
    """Return where the stage that wrote a log ran; None if the log does not say or is missing."""
    try:
        found = _LINE.findall(log.read_text(encoding="utf-8", errors="replace"))
        return Place.model_validate_json(found[-1]) if found else None
    except (OSError, ValidationError):
        return None


def commit() -> str | None:
    """Return the checkout's commit, ending in `-dirty` if files differ from it, or None if git does
    not tell."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    with suppress(OSError):
        return (
            subprocess.run(
                command, capture_output=True, encoding="utf-8", errors="replace"
            ).stdout.strip()
            or None
        )
    return None
