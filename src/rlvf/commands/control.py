"""Write the completions of a control, which needs no model."""

import argparse
from pathlib import Path

from rlvf.commands._options import out
from rlvf.records import Completion, read_tasks, write_jsonl


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--policy", choices=["reference", "empty"], required=True)
    parser.add_argument("--tasks", type=Path, required=True)
    out(parser, "completions.jsonl")


def run(options: argparse.Namespace) -> None:
    code = {"reference": lambda task: task.reference, "empty": lambda task: None}[options.policy]
    write_jsonl(
        options.out,
        [
            Completion(
                task_id=task.task_id,
                sample_id=0,
                completion=code(task) or "",
                code=code(task),
            )
            for task in read_tasks(options.tasks)
        ],
    )
