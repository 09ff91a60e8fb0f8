"""Formats a table of texts as Markdown, HTML and LaTeX, with a caption above and a note below.

Columns of text are aligned left, columns of numbers right.
"""

import re
from collections.abc import Iterable
from html import escape

import numpy as np
import pandas as pd

_TEXT_COLUMNS = {
    *("Model", "Policy", "Evaluation", "Key", "Value", "Origin", "Factor", "Difference", "Measure"),
    *("Claim", "Expected", "Verdict", "By itself", "The source claims", "Statement", "Evidence"),
}


def markdown(caption: str, shown: pd.DataFrame, note: str) -> str:
    """Format a table as Markdown, with the caption in bold."""

    def quote(text: str) -> str:
        return re.sub(r"([\\`*_|<>\[\]])", r"\\\1", text)

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(map(quote, cells)) + " |"

    rows = [line(_one_line(cell) for cell in row) for row in shown.to_numpy()]
    head = [line(shown.columns), "|" + "---|" * len(shown.columns)]
    below = ["", quote(note)] if note else []
    return "\n".join([f"**{caption}**", "", *head, *rows, *below]) + "\n"


_PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>{caption}</title>
<style>
  body {{ margin: 1em; font: 14px system-ui, sans-serif; color: #222; background: #fff; }}
  caption {{ padding-bottom: 0.5em; text-align: left; font-weight: bold; }}
  table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
  thead, tbody {{ border-bottom: 1px solid; }}
  thead {{ border-top: 1px solid; }}
  th, td {{ padding: 2px 8px; text-align: right; vertical-align: top; }}
  .text {{ text-align: left; }}
  p {{ max-width: 60em; }}
</style>
<table>
<caption>{caption}</caption>
<thead>
{head}
</thead>
<tbody>
{rows}
</tbody>
</table>
<p>{note}</p>
</html>
"""


def html(caption: str, shown: pd.DataFrame, note: str) -> str:
    """Format a table as an HTML page of its own."""
    kinds = [' class="text"' if title in _TEXT_COLUMNS else "" for title in shown.columns]

    def line(tag: str, cells: Iterable[str]) -> str:
        cells = zip(kinds, cells, strict=True)
        return f"<tr>{''.join(f'<{tag}{kind}>{escape(cell)}</{tag}>' for kind, cell in cells)}</tr>"

    return _PAGE.format(
        caption=escape(caption),
        head=line("th", shown.columns),
        rows="\n".join(line("td", row) for row in shown.to_numpy()),
        note=escape(note),
    )


_ROWS_ON_A_PAGE = 45
_SENTENCE = 40
# This many characters of each size fit on a line of a plain document.
_SIZES = {r"\footnotesize": 76, r"\scriptsize": 84, r"\tiny": 104}
# A long word may be broken at this character; LaTeX itself breaks lines at spaces and hyphens.
_BREAK = "\u200b"
_LATEX = {
    **{character: f"\\{character}" for character in "{}#$%&_"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
    "±": r"$\pm$",
    "−": "$-$",
    "×": r"$\times$",
    "→": r"$\to$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "≠": r"$\neq$",
    "≈": r"$\approx$",
    _BREAK: r"\allowbreak{}",
}
_LATEX_LETTERS = re.compile("[ -~À-ÖØ-öø-ÿ]")


def latex_escape(text: str) -> str:
    """Escape a text so that LaTeX prints it as it is: `a_b` becomes `a\\_b`. Characters that the
    usual fonts of LaTeX lack are printed as Python's escapes, such as `\\u0436`."""

    def character(one: str) -> str:
        if one in _LATEX:
            return _LATEX[one]
        if _LATEX_LETTERS.match(one) and one not in "ÐÞðþ":
            return one
        return _LATEX["\\"] + ascii(one).strip("'\\") + _LATEX[_BREAK]

    return "".join(map(character, _one_line(text)))


def latex(name: str, caption: str, shown: pd.DataFrame, note: str) -> str:
    """Format a table for \\input in LaTeX. It is at most as wide as the text and has the label
    `tab:name`. Its first line names the packages that it needs."""
    heading = f"\\caption{{{latex_escape(caption)}}}\\label{{tab:{name.replace('_', '-')}}}"
    below = rf"{{\footnotesize\raggedright {latex_escape(note)}\par}}" if note else ""
    width = shown.map(len).to_numpy().max(initial=0)
    if len(shown) > _ROWS_ON_A_PAGE or width > _SENTENCE:
        return _latex_of_pages(heading, shown, below)
    return _latex_of_a_page(heading, shown, below)


def _latex_of_a_page(heading: str, shown: pd.DataFrame, below: str) -> str:
    """Format a floating table, which is shrunk if it is too wide."""
    alignment = "".join("l" if title in _TEXT_COLUMNS else "r" for title in shown.columns)
    lines = [
        r"% Needs \usepackage{booktabs, graphicx}. Shrinks to \linewidth.",
        r"\begin{table}",
        r"  \centering",
        f"  {heading}",
        rf"  \sbox0{{\small\setlength{{\tabcolsep}}{{4pt}}\begin{{tabular}}{{{alignment}}}",
        *_latex_lines(shown),
        r"  \end{tabular}}",
        r"  \ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi",
        *([rf"  \par\smallskip {below}"] if below else []),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _latex_of_pages(heading: str, shown: pd.DataFrame, below: str) -> str:
    """Format a table that may be broken over pages and whose cells may be broken over lines."""
    shown = shown.map(_breakable)
    size, shares = _size_and_widths(shown)
    gap = 3 if size == r"\footnotesize" else 2
    columns = [
        rf"    >{{{size}{_ragged(title)}}}p{{\dimexpr {share:.4f}\linewidth-2\tabcolsep}}"
        for title, share in zip(shown.columns, shares, strict=True)
    ]
    head, *rows, end = _latex_lines(shown)
    lines = [
        r"% Needs \usepackage{array, booktabs, longtable}. As wide as \linewidth.",
        rf"{{\footnotesize\setlength{{\tabcolsep}}{{{gap}pt}}\setlength{{\LTcapwidth}}{{\linewidth}}",
        r"  \begin{longtable}{",
        *columns,
        r"  }",
        f"    {heading} \\\\",
        head,
        r"    \endfirsthead",
        head,
        r"    \endhead",
        ("\n    \\addlinespace[2pt]\n" if size == r"\footnotesize" else "\n").join(rows),
        end,
        r"  \end{longtable}",
        *([f"  {below}"] if below else []),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _latex_lines(shown: pd.DataFrame) -> list[str]:
    """Return the head, each row, and the line that ends the rows."""

    def line(cells: Iterable[str]) -> str:
        return "    " + " & ".join(latex_escape(cell) for cell in cells) + r" \\"

    head = "\n".join([r"    \toprule", line(shown.columns), r"    \midrule"])
    return [head, *map(line, shown.to_numpy()), r"    \bottomrule"]


def _ragged(title: str) -> str:
    # LaTeX hyphenates the first word of a cell only if a space, even of no width, comes before it.
    return rf"\ragged{'right' if title in _TEXT_COLUMNS else 'left'}\arraybackslash\hspace{{0pt}}"


def _breakable(text: str) -> str:
    """Allow breaks within dotted names, addresses and checksums."""
    return re.sub(r"([._/])(?=[a-z])|(\w{16})(?=\w)", rf"\1\2{_BREAK}", text)


def _size_and_widths(shown: pd.DataFrame) -> tuple[str, np.ndarray]:
    """Return the size of the letters and the share of the line that each column gets. A column
    gets what its longest word needs. The rest of the line is shared out by how much more most
    cells of a column would take."""
    # The space between two columns is as wide as 1.5 characters.
    least, most = np.full((2, len(shown.columns)), 1.5)
    for i, title in enumerate(shown.columns):
        texts = [*shown[title]]
        pieces = re.findall(rf"[^\s{_BREAK}-]+-?", " ".join([title, *texts]))
        whole = [] if title in _TEXT_COLUMNS else texts  # numbers stay on one line
        least[i] += max(map(len, [*pieces, *whole]))
        most[i] += np.quantile([len(text) for text in [title, *texts]], 0.9)
    fitting = [size for size, characters in _SIZES.items() if least.sum() <= characters]
    size = fitting[0] if fitting else list(_SIZES)[-1]
    more = np.maximum(most - least, 0)
    left = max(_SIZES[size] - least.sum(), 0)
    widths = least + (left * more / more.sum() if more.any() else 0)
    return size, widths / widths.sum()


def _one_line(text: str) -> str:
    return " ".join(text.split())
