"""Train a policy with rewards that a program computes."""

import argparse
from pathlib import Path

from rlvf.checksums import check_folder
from rlvf.commands._inputs import vetted_tasks
from rlvf.commands._options import SETTINGS_HELP, out_folder, positive, workers
from rlvf.config import TrainSettings
from rlvf.models import environment
from rlvf.settings import parse_settings

PACKAGES = (
    *("torch", "transformers", "tokenizers"),
    *("trl", "peft", "accelerate", "datasets", "python"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    parser.add_argument(
        "--start", type=Path, help="adapter folder to start with (none: the model as it is)"
    )
    parser.add_argument("--tasks", type=Path, required=True, help="tasks.jsonl to train on")
    parser.add_argument(
        "--settings",
        required=True,
        help=f"the cell's {SETTINGS_HELP}; TrainSettings in src/rlvf/config.py has the keys, and "
        "an adapter's cell.json is an example",
    )
    parser.add_argument(
        "--log", type=Path, required=True, help="JSON Lines, one per optimiser step"
    )
    parser.add_argument("--rollouts", type=Path, required=True, help="a sample of the completions")
    parser.add_argument(
        "--times", type=Path, required=True, help="JSON Lines: what each optimiser step took"
    )
    parser.add_argument(
        "--checkpoints",
        type=Path,
        metavar="FOLDER",
        help="where an interrupted run leaves what the same command goes on from; on SIGTERM or "
        "SIGUSR1 the run stops there after the current optimiser step (default: nowhere)",
    )
    parser.add_argument(
        "--checkpoint-every",
        type=positive(int),
        default=5,
        metavar="N",
        help="generations from one checkpoint to the next (default: 5)",
    )
    workers(parser)
    out_folder(parser, "the folder of all adapters that are kept: final/, 0010/, ...")


def run(options: argparse.Namespace) -> None:
    settings = parse_settings(options.settings, TrainSettings)
    tasks = vetted_tasks(options.tasks)
    for folder in filter(None, [options.model, options.start]):
        check_folder(folder)
    environment.settle()
    from rlvf.checking import Checker

    # The sandbox is started before torch is imported, so that its processes do not descend from one
    # that has loaded torch.
    with Checker(settings.sandbox, settings.lint, options.workers) as checker:
        from rlvf.runs.slurm import requeue_if_preempted
        from rlvf.training.checkpoints import Checkpoints, StopRequest, run_identity
        from rlvf.training.run import Products, train

        products = Products(options.out, options.log, options.rollouts, options.times)
        run = options.model, tasks, settings, checker, products, options.start
        if options.checkpoints is None:
            train(*run)
            return
        with StopRequest.listening() as stop:
            identity = run_identity(options.model, tasks, settings, options.start)
            with Checkpoints(
                options.checkpoints, options.checkpoint_every, identity
            ) as checkpoints:
                try:
                    train(*run, checkpoints, stop)
                except KeyboardInterrupt as error:
                    latest = checkpoints.latest()
                    left = f"goes on from {latest}" if latest else "starts anew: no checkpoint yet"
                    raise KeyboardInterrupt(f"the same command {left}") from error
                finally:
                    if stop:
                        requeue_if_preempted()
