"""Compile a study's paper from its source and results."""

import argparse
from pathlib import Path

from rlvf.checksums import check_folder
from rlvf.commands._options import out

PACKAGES = ("typst",)
_RESULTS = ("tables", "figures", "cost", "claims")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source", type=Path, required=True, help="a folder with paper.typ, such as paper/STUDY"
    )
    parser.add_argument(
        "--common", type=Path, required=True, help="what all papers import: paper/rlvf.typ"
    )
    for name in _RESULTS:
        parser.add_argument(f"--{name}", type=Path, required=True)
    out(parser, "paper.pdf")


def run(options: argparse.Namespace) -> None:
    from rlvf.analysis.paper import compile_paper

    results = {name: getattr(options, name) for name in _RESULTS}
    for folder in results.values():
        check_folder(folder)
    compile_paper(options.source, options.common, results, options.out)
