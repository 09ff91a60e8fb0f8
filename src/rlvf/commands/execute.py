"""Run completions against their tests in the sandbox."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from rlvf.commands._inputs import read_answers, vetted_tasks
from rlvf.commands._options import SETTINGS_HELP, out, positive, workers
from rlvf.environments.program.extraction import code_of
from rlvf.progress import Progress
from rlvf.records import Execution, write_jsonl
from rlvf.settings import SandboxSettings, parse_settings

PACKAGES = ("python",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument("--completions", type=Path, required=True)
    parser.add_argument("--settings", help=f"the sandbox's {SETTINGS_HELP}")
    parser.add_argument(
        "--timeout",
        type=positive(float),
        help="seconds of processor time for each test, instead of the settings'",
    )
    parser.add_argument(
        "--times", type=Path, help="JSON Lines: what each execution took (default: not written)"
    )
    workers(parser)
    out(parser, "executions.jsonl")


def run(options: argparse.Namespace) -> None:
    from rlvf.sandbox import Candidate, Sandbox

    settings = (
        parse_settings(options.settings, SandboxSettings) if options.settings else SandboxSettings()
    )
    if options.timeout is not None:
        settings = settings.model_copy(update={"timeout": options.timeout})
    answers = read_answers(options.completions, vetted_tasks(options.tasks), options.tasks)
    candidates = [
        Candidate(task, completion.sample_id, code_of(completion, task))
        for completion, task in answers
    ]
    progress = Progress("execute", len(candidates))
    times = []

    def executions() -> Iterator[Execution]:
        for execution in progress.count(sandbox.execute(candidates)):
            times.append(execution.times)
            yield execution

    with Sandbox(settings, options.workers) as sandbox:
        for name, version in sandbox.packages.items():
            print(f"execute: candidates may import {name} {version}", file=sys.stderr)
        write_jsonl(options.out, executions())
    if options.times is not None:
        write_jsonl(options.times, times)
