"""The sub-commands of `rlvf`. Each is a module of this package and is found by its file name.

A module has

- a docstring, which is the command's help; its first sentence, up to a colon, is shown in the list
  of all commands;
- `add_arguments(parser)`, which declares its options (those that several commands have are in
  `_options.py`);
- `run(options)`, which does the work and raises RlvfError if it cannot;
- `FOR_PEOPLE = True`, if Snakemake never calls it;
- `PACKAGES`, if the versions of installed packages may change its products: the names of these
  packages, with `python` among them if it reads or runs candidates' code.

All modules are imported each time that `rlvf` starts, so `run` imports what takes long to import,
such as torch. This also keeps the process small from which the sandbox is started.
"""

import argparse
import importlib
import pkgutil
import re
from types import ModuleType


def names() -> list[str]:
    """Return the names of the sub-commands."""
    return [found.name for found in pkgutil.iter_modules(__path__) if found.name[0] != "_"]


def module(name: str) -> ModuleType:
    """Import the module of a sub-command."""
    return importlib.import_module(f"{__name__}.{name}")


def _for_people() -> list[str]:
    return [name for name in names() if getattr(module(name), "FOR_PEOPLE", False)]


def command_line() -> argparse.ArgumentParser:
    """Return the parser of all sub-commands with their options."""
    parser = argparse.ArgumentParser(
        prog="rlvf",
        description="Reinforcement learning from verification feedback: the stages of the "
        "workflow, which Snakemake calls and which can be run by hand, and commands for people.",
        epilog=f"For people, and never called by Snakemake: {', '.join(_for_people())}.",
    )
    stages = parser.add_subparsers(title="stages", dest="stage", required=True, metavar="STAGE")
    for name in names():
        command = module(name)
        # Python leaves docstrings out where PYTHONOPTIMIZE is 2.
        description = " ".join((command.__doc__ or name).split())
        summary = re.split(r"(?<=\.) |:", description)[0]
        sub = stages.add_parser(name, help=summary, description=description)
        sub.set_defaults(
            run=command.run,
            makes_product=False,
            makes_folder=False,
            runs_snakemake=False,
            takes_further=False,
        )
        command.add_arguments(sub)
    return parser
