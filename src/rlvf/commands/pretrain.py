"""Pretrain a mini model on its generated corpus."""

import argparse

from rlvf.commands._options import SETTINGS_HELP, out_folder
from rlvf.config import PretrainSettings
from rlvf.models import environment
from rlvf.settings import parse_settings

PACKAGES = ("torch", "transformers", "tokenizers")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--settings", required=True, help=f"model, benchmark, prompt: {SETTINGS_HELP}"
    )
    out_folder(parser, "a model folder")


def run(options: argparse.Namespace) -> None:
    environment.settle()
    from rlvf.models.mini import pretrain

    pretrain(parse_settings(options.settings, PretrainSettings), options.out)
