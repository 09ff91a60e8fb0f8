"""`rlvf`: one sub-command per stage of the workflow, with explicit files in and out.

The sub-commands are the modules of rlvf.commands.
"""

import argparse
import sys
import warnings
from pathlib import Path

from rlvf import inherited
from rlvf.checksums import note_of, write_note
from rlvf.commands import command_line
from rlvf.errors import RlvfError
from rlvf.runs.place import place_line


def main(arguments: list[str] | None = None) -> int:
    """Run one sub-command. Returns the exit status: 1 after one line that says what is wrong."""
    inherited.settle()
    parser = command_line()
    options, options.further = parser.parse_known_args(arguments)
    if options.further and not options.takes_further:
        parser.error(f"unrecognized arguments: {' '.join(options.further)}")
    # What libraries tell their developers about coming versions; ours are pinned.
    warnings.filterwarnings("ignore", category=FutureWarning)
    try:
        _run(options)
    except RlvfError as error:
        print(f"rlvf {options.stage}: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stop:
        left = str(stop) or "no half-written file is left"
        print(f"rlvf {options.stage}: interrupted; {left}", file=sys.stderr)
        return 130
    return 0


def _run(options: argparse.Namespace) -> None:
    if options.runs_snakemake and not Path("Snakefile").exists():
        raise RlvfError("there is no Snakefile here; call this in the checkout")
    if options.makes_folder:
        _may_be_replaced(options.out)
    options.run(options)
    if options.makes_folder:
        write_note(options.out)
    if options.makes_product:
        print(place_line(options.stage), file=sys.stderr)


def _may_be_replaced(folder: Path) -> None:
    """Nothing that is not a stage's own is lost by a wrong --out."""
    if folder.is_dir() and any(folder.iterdir()) and not Path(note_of(folder)).exists():
        raise RlvfError(
            f"{folder}: is there and no stage has made it; remove it, or name another --out"
        )


if __name__ == "__main__":
    sys.exit(main())
