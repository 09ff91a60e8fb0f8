"""Write completions of a policy."""

import argparse
from pathlib import Path

from rlvf.checksums import verify_folder
from rlvf.commands._options import SETTINGS_HELP, out
from rlvf.config import GenerateSettings
from rlvf.models import environment
from rlvf.records import read_tasks, write_jsonl
from rlvf.settings import parse_settings

PACKAGES = ("torch", "transformers", "tokenizers", "peft")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    parser.add_argument("--adapter", type=Path, help="adapter folder (none: the base model)")
    parser.add_argument("--tasks", type=Path, required=True, help="tasks.jsonl to answer")
    parser.add_argument(
        "--settings", required=True, help=f"seed, prompt, decoding, dtype: {SETTINGS_HELP}"
    )
    out(parser, "completions.jsonl")


def run(options: argparse.Namespace) -> None:
    settings = parse_settings(options.settings, GenerateSettings)
    tasks = read_tasks(options.tasks)
    for folder in filter(None, [options.model, options.adapter]):
        verify_folder(folder)
    environment.settle()
    from rlvf.generation import generate

    write_jsonl(options.out, generate(options.model, options.adapter, tasks, settings))
