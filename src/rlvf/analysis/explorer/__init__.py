"""Writes the page on which people read a study's completions. It is a single HTML file.

The page contains its style, its script and its data. A content security policy with their checksums
keeps the browser from running or fetching anything else. Texts of models are only ever shown as
text and never read as HTML: the data are compressed and encoded in base64, and the script makes
nothing but text nodes of them.
"""

import base64
import gzip
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rlvf.analysis.explorer.data import Evaluated, collect
from rlvf.analysis.labels import SCALE_NOTES, Scale
from rlvf.cells import Cells
from rlvf.files import atomic_writer

_FOLDER = Path(__file__).parent


def write_explorer(cells: Cells, evaluated: Iterable[Evaluated], scale: Scale, out: Path) -> None:
    """Write the page of all these completions.

    Raises:
        RlvfError: see `collect`; or `out` cannot be written.
    """
    data = collect(cells, evaluated)
    # There is no time stamp, so that equal inputs give an identical page.
    packed = gzip.compress(json.dumps(data, separators=(",", ":")).encode(), mtime=0)
    style, script = (
        (_FOLDER / name).read_text(encoding="utf-8") for name in ("page.css", "page.js")
    )
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined
    )
    page = environment.get_template("page.html").render(
        study=data["study"],
        scale=scale,
        note=SCALE_NOTES[scale],
        security_policy=f"default-src 'none'; script-src {_source(script)}; "
        f"style-src {_source(style)}; base-uri 'none'; form-action 'none'",
        style=Markup(style),
        script=Markup(script),
        data=base64.b64encode(packed).decode(),
    )
    with atomic_writer(out) as file:
        file.write(page)


def _source(text: str) -> str:
    """Return the name that a content security policy uses for an inline element of this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
