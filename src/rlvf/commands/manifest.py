"""Write how everything in a results folder was made, and its checksums, into the folder's
ro-crate-metadata.json. Each run of Snakemake does this at its end."""

import argparse

from rlvf.commands._options import results


def add_arguments(parser: argparse.ArgumentParser) -> None:
    results(parser)


def run(options: argparse.Namespace) -> None:
    from rlvf.runs.manifest import write_manifest

    write_manifest(options.results)
