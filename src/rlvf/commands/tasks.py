"""Write the tasks of one split of a benchmark."""

import argparse
import sys
from pathlib import Path

from rlvf.benchmarks import BENCHMARKS
from rlvf.commands._options import SETTINGS_HELP, out, positive
from rlvf.environments import ENVIRONMENTS
from rlvf.errors import RlvfError
from rlvf.records import write_jsonl
from rlvf.settings import parse_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--benchmark", choices=list(BENCHMARKS), required=True)
    parser.add_argument(
        "--split", required=True, help="train, test, ... as the benchmark names them"
    )
    parser.add_argument(
        "--source", type=Path, help="MBPP: a folder made by `rlvf fetch`, or a copy of mbpp.jsonl"
    )
    parser.add_argument("--limit", type=positive(int), help="only the first so many tasks")
    parser.add_argument("--settings", help=f"the benchmark's {SETTINGS_HELP}")
    out(parser, "tasks.jsonl")


def run(options: argparse.Namespace) -> None:
    from rlvf.benchmarks import load_tasks
    from rlvf.sandbox.vetting import vet

    benchmark = BENCHMARKS[options.benchmark]
    kind = benchmark.Settings
    settings = parse_settings(options.settings, kind) if options.settings else kind()
    if options.source is not None:
        if "source" not in kind.model_fields:
            raise RlvfError(f"--source: {options.benchmark} is not read from a file")
        settings = settings.model_copy(update={"source": str(options.source)})
    tasks = load_tasks(settings, options.split, options.limit)
    environment = ENVIRONMENTS[benchmark.ENVIRONMENT]
    if "execute" in environment.CHECKS:
        vet(tasks)
    write_jsonl(options.out, tasks)
    print(f"tasks: {len(tasks)} of {options.benchmark}/{options.split}", file=sys.stderr)
