"""Writes numbers, durations and tables that read well on a terminal. Tables are Markdown, too. This
module needs nothing but Python."""

from collections.abc import Sequence

NOTHING = "–"


def short_number(number: float) -> str:
    """The number with two digits if it is small, and whole if it is not: 1.6, 16, 160."""
    return f"{number:.0f}" if number >= 10 else f"{number:.1f}"


def duration(seconds: float) -> str:
    """Seconds in the unit that suits them: 16 s, 1.6 min, 2 h."""
    unit, size = next((one for one in (("h", 3600), ("min", 60)) if seconds >= one[1]), ("s", 1))
    return f"{short_number(seconds / size).removesuffix('.0')} {unit}"


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int = 1) -> str:
    """A Markdown table with padded cells. The first `text_columns` are aligned to the left, and the
    others, which are numbers, to the right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    rule = [
        "-" * width if i < text_columns else "-" * (width - 1) + ":"
        for i, width in enumerate(widths)
    ]

    def line(row: Sequence[str]) -> str:
        cells = [
            cell.ljust(width) if i < text_columns else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return f"| {' | '.join(cells)} |"

    return "\n".join(map(line, [header, rule, *rows])) + "\n"
