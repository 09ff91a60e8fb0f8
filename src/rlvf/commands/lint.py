"""Check completions with Ruff."""

import argparse
from pathlib import Path

from rlvf.commands._inputs import read_answers
from rlvf.commands._options import SETTINGS_HELP, out
from rlvf.environments.program.extraction import code_of
from rlvf.records import Completion, read_jsonl, read_tasks, write_jsonl
from rlvf.settings import LintSettings, parse_settings

PACKAGES = ("ruff", "python")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--completions", type=Path, required=True)
    parser.add_argument(
        "--tasks",
        type=Path,
        help="where completions have no `code`: these tell which block of code is the answer",
    )
    parser.add_argument("--settings", help=f"rules and severities: {SETTINGS_HELP}")
    out(parser, "ruff.jsonl")


def run(options: argparse.Namespace) -> None:
    from rlvf.lint import lint, lint_report

    settings = (
        parse_settings(options.settings, LintSettings) if options.settings else LintSettings()
    )
    if options.tasks is not None:
        answers = read_answers(options.completions, read_tasks(options.tasks), options.tasks)
    else:
        answers = [(one, None) for one in read_jsonl(options.completions, Completion)]
    codes = [code_of(completion, task) for completion, task in answers]
    names = [f"{completion.task_id} sample {completion.sample_id}" for completion, _ in answers]
    write_jsonl(
        options.out,
        [
            lint_report(completion.task_id, completion.sample_id, code, findings)
            for (completion, _), code, findings in zip(
                answers, codes, lint(codes, settings, names), strict=True
            )
        ],
    )
