"""Show the state of the latest run of Snakemake in this folder: its steps by rule, the running and
the queued jobs, each failure with its reason and logs, and the retries."""

import argparse
import sys
import time

_SECONDS_BETWEEN_SCREENS = 3.0

FOR_PEOPLE = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--follow", action="store_true", help="show it anew every few seconds until the run ends"
    )


def run(options: argparse.Namespace) -> None:
    from rlvf.runs.events import latest_run, read_events
    from rlvf.runs.run import Run
    from rlvf.runs.status import status

    path = latest_run()
    while True:
        shown = Run(read_events(path))
        shown.ask_slurm()
        if options.follow and sys.stdout.isatty():
            print("\033[H\033[2J", end="")
        print(status(shown), flush=True)
        if not options.follow or shown.alive is False:
            return
        time.sleep(_SECONDS_BETWEEN_SCREENS)
