"""Pack complete results and what Snakemake knows of them into one file. Unpack it in another
checkout to continue there. The cache is not packed."""

import argparse
import shlex

from rlvf.commands._options import configs

FOR_PEOPLE = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(runs_snakemake=True)
    configs(parser)
    parser.add_argument(
        "--options",
        type=shlex.split,
        default=[],
        metavar="TEXT",
        help="options of Snakemake's with which the results were made, such as "
        "'--software-deployment-method apptainer'",
    )


def run(options: argparse.Namespace) -> None:
    from rlvf.runs.archive import write_archive

    path = write_archive(options.config, options.options)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB; in another checkout: tar xf {path.name}")
