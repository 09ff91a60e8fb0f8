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
    from rlvf.runs.plan import job_key, job_seconds, wall_time
    from rlvf.runs.why import why

    # These arguments are Snakemake's; a `--` before them is allowed.
    further = options.further
    found = dry_run(further[1:] if further[:1] == ["--"] else further)
    seconds, wall = {}, ""
    if found.jobs:
        config = parse_config(found.config, "the configuration")
        try:
            known = job_seconds(config)
            planned = {job_key(job): job.id for job in found.planned if job_key(job) in known}
            seconds = {number: known[key] for key, number in planned.items()}
            wall = wall_time({key: known[key] for key in planned}, config, 1, cores())
        except RlvfError as error:
            wall = f"Their time is not known: {error}"
    print(why(found, seconds, wall))
