"""Write completions of a policy."""

import argparse
from pathlib import Path

from rlvf.checksums import check_folder
from rlvf.commands import _options
from rlvf.config import GenerateSettings
from rlvf.environments import ENVIRONMENTS
from rlvf.models.environment import settle
from rlvf.records import read_tasks, write_jsonl
from rlvf.settings import parse_settings

PACKAGES = ("torch", "transformers", "tokenizers", "peft")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    parser.add_argument("--adapter", type=Path, help="adapter folder (none: the base model)")
    parser.add_argument("--tasks", type=Path, required=True, help="tasks.jsonl to answer")
    parser.add_argument(
        "--settings", required=True, help=f"seed, prompt, decoding, dtype: {_options.SETTINGS_HELP}"
    )
    _options.environment(parser)
    _options.out(parser, "completions.jsonl")


def run(options: argparse.Namespace) -> None:
    settings = parse_settings(options.settings, GenerateSettings)
    environment = ENVIRONMENTS[options.environment]
    tasks = read_tasks(options.tasks, environment.Task)
    for folder in filter(None, [options.model, options.adapter]):
        check_folder(folder)
    settle()
    from rlvf.generation import generate

    write_jsonl(options.out, generate(options.model, options.adapter, environment, tasks, settings))
