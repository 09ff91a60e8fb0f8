"""Download a published model or a benchmark's dataset at a pinned revision. If it is run again, it
goes on where it stopped and repairs what is damaged."""

import argparse
import os
from pathlib import Path

from rlvf.checksums import write_note
from rlvf.commands._options import SETTINGS_HELP, out
from rlvf.settings import FetchSettings, parse_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--settings",
        required=True,
        help=f"kind (hub: a model; mbpp: that dataset), repo, revision: {SETTINGS_HELP}",
    )
    parser.add_argument(
        "--note", type=Path, metavar="FILE", help="write what was fetched, with checksums, here too"
    )
    out(parser, "a folder")


def run(options: argparse.Namespace) -> None:
    # Otherwise the client would tell the hub what is installed and who calls, and keep notes in
    # HF_HOME.
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    from rlvf.models.hub import fetch

    fetch(parse_settings(options.settings, FetchSettings), options.out)
    if options.note is not None:
        write_note(options.out, options.note)
