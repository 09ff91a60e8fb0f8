"""Write the completions of a control, which needs no model."""

import argparse
from pathlib import Path

from rlvf.commands import _options
from rlvf.environments import ENVIRONMENTS
from rlvf.errors import RlvfError
from rlvf.records import Completion, read_tasks, write_jsonl


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--policy", required=True, help="as the environment names its controls")
    parser.add_argument("--tasks", type=Path, required=True)
    _options.environment(parser)
    _options.out(parser, "completions.jsonl")


def run(options: argparse.Namespace) -> None:
    environment = ENVIRONMENTS[options.environment]
    if options.policy not in environment.CONTROLS:
        raise RlvfError(
            f"--policy: {options.environment} has no control {options.policy!r} "
            f"(allowed: {', '.join(environment.CONTROLS)})"
        )
    tasks = read_tasks(options.tasks, environment.Task)
    answers = [environment.CONTROLS[options.policy](task) for task in tasks]
    write_jsonl(
        options.out,
        [
            Completion(task_id=task.task_id, sample_id=0, completion=answer or "", code=answer)
            for task, answer in zip(tasks, answers, strict=True)
        ],
    )
