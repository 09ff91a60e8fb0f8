"""Defines how figures look.

A level of one axis has the same colour and marker in every figure, and a level of another the same
line style, filling and hatch. The colours are those of Okabe and Ito (2008), which colour-blind
readers can tell apart. Markers, hatches or places repeat what colours tell, for prints in grey.
Figures have the size at which the paper shows them, so that none of their texts is smaller than 6.5
points.
"""

import io
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from rlvf.analysis.labels import SCALE_NOTES, Scale, model_label
from rlvf.cells import Cells
from rlvf.files import atomic_writer

# These are 85 % of the width of an A4 page's text, and the width of a column, in inches.
TEXT_WIDTH = 5.9
COLUMN_WIDTH = 3.3
PANEL_HEIGHT = 1.7

BLACK, DARK, GREY = "#000000", "#444444", "#999999"
ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILLION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, YELLOW)
MARKERS = ("o", "^", "s", "v", "P", "X", "d")
_LINE_STYLES = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
_FILLINGS = ("full", "none", "left", "top")
_HATCHES = ("", "////", "....", "xxxx")

_STYLE = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E5E5E5",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.1,
    "lines.markersize": 4.5,
    "lines.markeredgewidth": 1.0,
    "hatch.linewidth": 0.5,
    "pdf.fonttype": 42,
    "figure.constrained_layout.use": True,
}


def styled() -> AbstractContextManager:
    """Return a context manager within which figures are drawn in this style."""
    return plt.rc_context(_STYLE)


class Look:
    """The look of a study's trained policies, as arguments of matplotlib: the level of one axis
    decides on colour and marker, that of another on line style, filling and hatch."""

    def __init__(self, cells: Cells, colour: str, line: str) -> None:
        self.cells, self.colour_axis, self.line_axis = cells, colour, line
        self.colours, self.lines = cells.axes.get(colour, []), cells.axes.get(line, [])

    def levels(self, policy: str) -> tuple[str, str]:
        """Return the levels of a trained policy that decide on colour and line."""
        levels = self.cells.policies[policy].levels
        return levels[self.colour_axis], levels[self.line_axis]

    def policy(self, policy: str) -> dict[str, Any]:
        """Return the look of a trained policy's lines and points."""
        colour, line = self.levels(policy)
        return self.colour(colour) | self.line(line)

    def colour(self, level: str) -> dict[str, Any]:
        """Return what lines and points have in common whose policies have this level."""
        return colour_at(self.colours.index(level))

    def line(self, level: str) -> dict[str, Any]:
        """Return what lines and points have in common whose policies have this level."""
        place = self.lines.index(level)
        return {
            "linestyle": _LINE_STYLES[place % len(_LINE_STYLES)],
            "fillstyle": _FILLINGS[place % len(_FILLINGS)],
            "markerfacecoloralt": "white",
        }

    def bar(self, line: str, colour: str | None = None) -> dict[str, Any]:
        """Return the look of a bar, which is grey if it is not for a particular colour's level."""
        face = GREY if colour is None else self.colour(colour)["color"]
        hatch = _HATCHES[self.lines.index(line) % len(_HATCHES)]
        return {"facecolor": face, "hatch": hatch, "edgecolor": "white", "linewidth": 0}


def colour_at(place: int) -> dict[str, Any]:
    """Return the colour and the marker that come at this place of a list."""
    return {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}


# ---------------------------------------------------------------- parts of figures


def model_panels(models: list[str], height: float) -> tuple[Figure, Sequence[Axes]]:
    """Make a panel for each model, with common axes. A single panel is as wide as a column, several
    are as wide as the text."""
    figure, axes = plt.subplots(
        *(1, len(models)),
        figsize=(panels_width(len(models)), height),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for ax, model in zip(axes[0], models, strict=True):
        ax.set_title(model_label(model))
    return figure, axes[0]


def panels_width(panels: int) -> float:
    return COLUMN_WIDTH if panels == 1 else TEXT_WIDTH


def legend(figure: Figure, handles: list[Line2D | Patch]) -> None:
    """Add a legend above the panels, in as many rows as its width needs; the figure grows by their
    height."""
    if not handles:
        return
    longest = max(len(str(handle.get_label())) for handle in handles)
    # At 7 points a character is about 0.055 inches wide, and a handle with its gaps 0.5 inches.
    room = int(figure.get_figwidth() / (0.055 * longest + 0.5))
    rows = math.ceil(len(handles) / max(room, 1))
    columns = math.ceil(len(handles) / rows)
    figure.set_figheight(figure.get_figheight() + 0.16 * rows)
    figure.legend(handles=handles, loc="outside upper center", ncols=columns, columnspacing=1.2)


def nothing(text: str) -> Figure:
    """Make a figure that says why it is empty."""
    figure = plt.figure(figsize=(COLUMN_WIDTH, 1.0))
    figure.text(0.5, 0.6, text, ha="center", va="center")
    return figure


# ---------------------------------------------------------------- writing


def save(figure: Figure, out_dir: Path, name: str, scale: Scale) -> None:
    """Write NAME.pdf and NAME.png, with a note at mini scale, and close the figure."""
    if scale == "mini":
        _note(figure, SCALE_NOTES[scale])
    # Dates and versions in the files would make equal figures differ.
    metadata = {"pdf": {"CreationDate": None, "Creator": None, "Producer": None}}
    metadata["png"] = {"Software": None}
    for suffix, entries in metadata.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix, dpi=200, metadata=entries)
        with atomic_writer(out_dir / f"{name}.{suffix}") as file:
            file.buffer.write(buffer.getvalue())
    plt.close(figure)


def _note(figure: Figure, text: str) -> None:
    """Add a footnote below everything else."""
    width, height = figure.get_size_inches()
    room = 0.16 if width > COLUMN_WIDTH else 0.27
    figure.set_size_inches(width, height + room)
    share = room / (height + room)
    figure.get_layout_engine().set(rect=(0, share, 1, 1 - share))
    wrapped = text if width > COLUMN_WIDTH else text.replace("; ", ";\n")
    figure.text(0.5, 0.02 / (height + room), wrapped, ha="center", va="bottom", fontsize=6.5)
