"""Say what a run of Snakemake would redo and why: because of files, keys of the configuration, code
or versions of packages. No job is run."""

import argparse

from rlvf.config import parse_config
from rlvf.errors import RlvfError
from rlvf.machine import cores

FOR_PEOPLE = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(runs_snakemake=True, takes_further=True)
    parser.usage = "rlvf why [SNAKEMAKE ARGUMENT ...], for instance: rlvf why --profile mini"


def run(options: argparse.Namespace) -> None:
    from rlvf.runs.dry_run import dry_run
    from rlvf.runs.plan import job_seconds, wall_time
    from rlvf.runs.why import why

    found = dry_run(options.further)
    config = parse_config(found.config, "the configuration")
    seconds, wall = {}, ""
    if found.jobs:
        planned = {job.id for job in found.planned}
        jobs = [job for job in found.dag if job.id in planned]
        try:
            seconds = job_seconds(jobs, config)
            wall = wall_time(jobs, seconds, 1, cores())
        except RlvfError as error:
            wall = f"Their time is not known: {error}"
    print(why(found, config, seconds, wall))
