"""Adds options that several sub-commands share, and parses the values of options."""

import argparse
from collections.abc import Callable
from pathlib import Path

from rlvf.checksums import note_of
from rlvf.environments import ENVIRONMENTS
from rlvf.machine import cores

SETTINGS_HELP = "settings as JSON text, or a JSON or YAML file"


def out(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--out` for a command that makes a file, or a folder without a note of checksums."""
    parser.add_argument("--out", type=Path, required=True, help=what)
    parser.set_defaults(makes_product=True)


def out_folder(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--out` for a command that makes a folder, whose checksums are written to a note."""
    out(parser, f"{what}; what it holds is noted beside it, in {note_of('OUT')}")
    parser.set_defaults(makes_folder=True)


def scale(parser: argparse.ArgumentParser) -> None:
    """Add `--scale`, which is named in the products."""
    parser.add_argument("--scale", choices=["paper", "mini"], required=True)


def cells(parser: argparse.ArgumentParser) -> None:
    """Add `--cells`, the file that says what the cells of a study are."""
    parser.add_argument(
        "--cells", type=Path, required=True, help="cells.json of the study, made by `rlvf cells`"
    )


def environment(parser: argparse.ArgumentParser) -> None:
    """Add `--environment`, which says what the tasks ask."""
    parser.add_argument(
        "--environment",
        choices=list(ENVIRONMENTS),
        default="program",
        help="what the tasks ask, as their benchmark says (default: program)",
    )


def samples(parser: argparse.ArgumentParser) -> None:
    """Add `--samples`, the files with the samples of all cells and evaluations of a study."""
    parser.add_argument("--samples", type=Path, nargs="+", required=True)


def configs(parser: argparse.ArgumentParser) -> None:
    """Add `--config`, the files of a configuration."""
    parser.add_argument(
        "--config",
        type=Path,
        nargs="+",
        default=[Path("config.yaml")],
        help="configuration files, each laid over the ones before it (default: config.yaml)",
    )


def results(parser: argparse.ArgumentParser) -> None:
    """Add the results folder that the command works on."""
    parser.add_argument("results", type=Path, metavar="RESULTS", help="such as results/mini")


def workers(parser: argparse.ArgumentParser) -> None:
    """Add `--workers` for a command that runs candidates."""
    parser.add_argument(
        "--workers",
        type=positive(int),
        default=cores(),
        help="completions run at the same time in the sandbox (default: one for each core that "
        "this process may use)",
    )


def positive(number: type) -> Callable[[str], int | float]:
    """Return a function with which argparse parses a number above 0."""

    def parse(text: str) -> int | float:
        value = number(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
        return value

    return parse


def count(text: str) -> int:
    """Parse a whole number of 0 or above, for argparse."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"must not be below 0, as is {text}")
    return value
