"""Check a results folder against its manifest: name files that are missing, changed or extra."""

import argparse
import shlex

from rlvf.commands._options import results
from rlvf.errors import RlvfError

FOR_PEOPLE = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    results(parser)


def run(options: argparse.Namespace) -> None:
    from rlvf.runs.check import check

    problems, spoiled, left = check(options.results)
    for problem in problems:
        print(problem)
    if spoiled:
        print(f"To make them again: rm -r {shlex.join(spoiled)}, then run Snakemake again; what no")
        print(f"longer belongs to the study is forgotten with: rlvf manifest {options.results}")
    if left:
        print(f"To remove what killed jobs have left: rm -r {shlex.join(left)}")
    if problems:
        raise RlvfError(
            f"{options.results}: {len(problems)} files are not as in the manifest; while Snakemake "
            "runs, wait for its end, when it writes the manifest"
        )
    print(f"{options.results}: all files are as in the manifest")
