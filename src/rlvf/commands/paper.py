"""Compile the paper from its source and results."""

import argparse
from pathlib import Path

from rlvf.checksums import verify_folder
from rlvf.commands._options import out

PACKAGES = ("typst",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", type=Path, required=True, help="a Typst file")
    parser.add_argument("--tables", type=Path, required=True)
    parser.add_argument("--figures", type=Path, required=True)
    parser.add_argument("--cost", type=Path, required=True)
    parser.add_argument("--claims", type=Path, required=True)
    out(parser, "paper.pdf")


def run(options: argparse.Namespace) -> None:
    from rlvf.analysis.paper import compile_paper

    folders = options.tables, options.figures, options.cost, options.claims
    for folder in folders:
        verify_folder(folder)
    compile_paper(options.source, *folders, options.out)
