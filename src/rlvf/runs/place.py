"""Where a stage ran: one line, the last that it writes, and reading it from the stage's log."""

import platform
import re
import socket
import sys
from pathlib import Path

from pydantic import ValidationError

from rlvf.records import Record

_LINE = re.compile(r"^rlvf [a-z]+: ran on (\{.*\})$", re.MULTILINE)


class Place(Record):
    """`gpu` is the one that was used, by name; `torch` its version and build. None: not used."""

    host: str
    system: str
    python: str
    torch: str | None
    gpu: str | None


def place_line(stage: str) -> str:
    """Says where this process has run a stage. What it used is known at its end."""
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
    """Where the stage that wrote a log ran; None if the log does not say, or is not there."""
    try:
        found = _LINE.findall(log.read_text(encoding="utf-8", errors="replace"))
        return Place.model_validate_json(found[-1]) if found else None
    except (OSError, ValidationError):
        return None
