"""Make the page on which people read a study's completions."""

import argparse
from pathlib import Path

from rlvf.commands._options import out, scale
from rlvf.records import Completion, Execution, LintReport, Sample, read_jsonl, read_tasks

PACKAGES = ("jinja2", "pygments")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument(
        "--decoding",
        nargs=5,
        action="append",
        required=True,
        metavar=("NAME", "COMPLETIONS", "EXECUTIONS", "RUFF", "SAMPLES"),
        help="a decoding of a cell, its three files and the cell's samples; once for each",
    )
    scale(parser)
    out(parser, "explorer.html")


def run(options: argparse.Namespace) -> None:
    from rlvf.analysis.explorer import Decoded, write_explorer

    decoded = (
        Decoded(
            read_jsonl(Path(completions), Completion),
            read_jsonl(Path(executions), Execution),
            read_jsonl(Path(ruff), LintReport),
            [one for one in read_jsonl(Path(samples), Sample) if one.decoding == name],
        )
        for name, completions, executions, ruff, samples in options.decoding
    )
    write_explorer(read_tasks(options.tasks), decoded, options.scale, options.out)
