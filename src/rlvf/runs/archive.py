"""Packs results and Snakemake's records of them into one file, for use in another checkout.

When the archive is unpacked in a fresh clone, Snakemake finds everything up to date: the archive
has its records, with the checksums of what each job read, and the clone has what else Snakemake
compares (code, parameters, the paper's source). The cache is not packed: a job that needs a file
of it fetches the file again.
"""

import gzip
import shlex
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from rlvf.config import load_config
from rlvf.errors import RlvfError
from rlvf.files import atomic_writer, take_lock
from rlvf.progress import Progress
from rlvf.runs.check import check
from rlvf.runs.manifest import (
    KNOWN,
    jobs_of,
    read_products,
    write_manifest,
)
from rlvf.runs.place import commit

_SNAKEMAKE = Path(".snakemake")
_UP_TO_DATE = "Nothing to be done"


def write_archive(configs: Sequence[Path], options: Sequence[str]) -> Path:
    """Pack the results of these configuration files. Call it in the folder in which Snakemake made
    them; `options` are the other options of Snakemake with which they were made.

    Returns:
        The path of the archive, which lies in the current folder. Its name has the scale, the date
        and the commit.

    Raises:
        RlvfError: results are missing, out of date or not as in their manifest; Snakemake is at
            work; the archive cannot be written.
    """
    config = load_config(*configs)
    results = Path(config.results)
    if results.is_absolute():
        raise RlvfError(
            f"results: {results} is an absolute path, which is another one elsewhere; move it "
            "to a path below this folder and set `results` to that"
        )
    with take_lock(_SNAKEMAKE / "run.lock", "Snakemake is at work in this folder; wait for it"):
        _check_complete(configs, options, results)
        write_manifest(results)
        problems, _, _ = check(results)
        if problems:
            raise RlvfError(
                f"{results}: {len(problems)} files are not as in the manifest, such as "
                f"{problems[0]}; rlvf check {results} names all and what to do"
            )
        name = f"rlvf-{config.scale}-{datetime.now():%Y-%m-%d}"
        path = Path(f"{name}-{version[:8]}.tar.gz" if (version := commit()) else f"{name}.tar.gz")
        _pack(path, sorted(set(_files(results))))
    return path


def _check_complete(configs: Sequence[Path], options: Sequence[str], results: Path) -> None:
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--nolock", "--cores", "1"]
    command += ["--max-checksum-file-size", "1TB"]
    command += [*options, "--configfile", *map(str, configs)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    output = done.stdout + done.stderr
    if done.returncode != 0:
        raise RlvfError(f"{results}: Snakemake cannot plan: {output.strip().splitlines()[-1]}")
    if _UP_TO_DATE not in output:
        raise RlvfError(
            f"{results}: is not complete, or out of date with the code and configuration here; run "
            f"Snakemake to its end first. To see what it would do: {shlex.join(command[2:])}"
        )


def _files(results: Path) -> Iterator[Path]:
    """Yield the files that the manifest names, those that belong beside it, and Snakemake's record
    of each product."""
    for files in read_products(results).values():
        yield from (results / name for name in files)
    for name in KNOWN:
        path = results / name
        yield from (file for file in [path, *path.rglob("*")] if file.is_file())
    for products in jobs_of(results).values():
        yield from (Path(product.file) for product in products)


def _pack(path: Path, files: list[Path]) -> None:
    """Write the archive in such a way that the same files give the same bytes."""
    with (
        atomic_writer(path) as out,
        gzip.GzipFile("", "wb", 6, out.buffer, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        # If this folder is missing, Snakemake takes its records for those of an old version.
        folder = tarfile.TarInfo(str(_SNAKEMAKE / "incomplete"))
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(folder)
        for file in Progress("archive", len(files)).count(files):
            archive.add(file, filter=_without_owner)


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
