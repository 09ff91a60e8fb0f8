"""Fetches published models and datasets once, at a pinned revision, where there is a network.

huggingface_hub's `snapshot_download` resumes a broken connection, but it starts each file anew
after its process has ended. This module keeps what has arrived, and it compares every file with the
size and checksum that the hub states.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from httpx2 import HTTPError
from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils import build_hf_headers, filter_repo_objects
from huggingface_hub.utils.sha import git_hash

from rlvf.checksums import check_folder, has_checksums, write_checksums
from rlvf.errors import RlvfError
from rlvf.files import file_checksum, resumable_directory
from rlvf.progress import Progress
from rlvf.settings import FetchSettings

_REPO_TYPES = {"hub": "model", "mbpp": "dataset"}
# Weights are fetched only as safetensors, without the copies in other formats that some
# repositories have. Of MBPP the full version is fetched and not the sanitized one. A repository
# without files of the first pattern is refused.
_PATTERNS = {
    "hub": ["*.safetensors", "*.json", "*.txt", "*.jinja", "tokenizer.model", "LICENSE*"],
    "mbpp": ["full/*.parquet", "README.md"],
}
_SECONDS_TO_ANSWER = 30.0


def fetch(settings: FetchSettings, out: Path) -> None:
    """Download a model's or dataset's files into `out`, with their checksums.

    If it is interrupted, what has arrived stays beside `out`, and the next call goes on from there.
    If `out` is damaged, only what is damaged is fetched again. The token comes from the environment
    (HF_TOKEN) or from `hf auth login`, as for the hub's own tools, and is never shown in messages.

    Raises:
        RlvfError: the hub refuses, cannot be reached, or sends something other than it announces;
            the message says what to do.
    """
    where = f"{settings.repo}@{settings.revision[:12]}"
    if out.exists() and _is_intact(out, settings):
        print(f"fetch: {where} is in {out} already", file=sys.stderr)
        return
    headers = build_hf_headers() | {"Accept-Encoding": "identity"}
    token = headers.get("authorization", "").removeprefix("Bearer ")
    if not re.fullmatch(r"[!-~]*", token):
        raise RlvfError(f"{where}: the token (HF_TOKEN) holds characters that no token has")
    try:
        files = _listing(settings, headers, where)
        with resumable_directory(out) as folder:
            _remove_all_but(folder, files)
            meter = _Meter(f"fetch {settings.repo}, MB", folder, files)
            for name, file in files.items():
                url = hf_hub_url(
                    settings.repo,
                    name,
                    repo_type=_REPO_TYPES[settings.kind],
                    revision=settings.revision,
                )
                _download(url, folder / name, file, headers, meter, f"{where}: {name}")
            meter.finish()
            write_checksums(folder, settings, files)
    except (HTTPError, OSError, ValueError) as error:
        problem = _explain(error)
        if token:
            problem = problem.replace(token, "***")
        raise RlvfError(f"{where}: {' '.join(problem.split())[:400]}") from error
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt("the same command goes on from here") from error


def _is_intact(folder: Path, settings: FetchSettings) -> bool:
    if not has_checksums(folder):
        raise RlvfError(
            f"{folder}: is there and was not made by `rlvf fetch`; remove it, or name another --out"
        )
    try:
        return check_folder(folder) == settings
    except RlvfError:
        return False


def _listing(
    settings: FetchSettings, headers: dict[str, str], where: str
) -> dict[str, RepoSibling]:
    """Return the wanted files of the revision by name, with what the hub states about them."""
    info = HfApi(headers=headers).repo_info(
        settings.repo,
        repo_type=_REPO_TYPES[settings.kind],
        revision=settings.revision,
        files_metadata=True,
        timeout=_SECONDS_TO_ANSWER,
    )
    files = {file.rfilename: file for file in info.siblings or []}
    patterns = _PATTERNS[settings.kind]
    if not list(filter_repo_objects(files, allow_patterns=patterns[:1])):
        raise RlvfError(f"{where}: the hub has no {patterns[0]} there; correct repo or revision")
    return {name: files[name] for name in filter_repo_objects(files, allow_patterns=patterns)}


def _download(
    url: str, path: Path, file: RepoSibling, headers: dict[str, str], meter: "_Meter", where: str
) -> None:
    """Fetch the missing part of a file. If the result is not the hub's file, fetch all of it once
    more."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with open(path, "ab") as stream:
            present = stream.tell()
            if present < file.size:
                http_get(
                    url, stream, resume_size=present, headers=headers, tqdm_class=meter.progress_bar
                )
        problem = _problem(path, file)
        if problem is None:
            return
        meter.update(-path.stat().st_size)
        path.unlink()
        if present == 0:
            raise RlvfError(
                f"{where} arrived damaged: {problem}; it was removed: run the same command again"
            )


def _problem(path: Path, file: RepoSibling) -> str | None:
    """Say how a file differs from the hub's, if it does. For small files the hub states git's own
    checksum."""
    size = path.stat().st_size
    if size != file.size:
        return f"{size} bytes, and the hub states {file.size}"
    if file.lfs:
        found, stated = file_checksum(path), file.lfs.sha256
    else:
        found, stated = git_hash(path.read_bytes()), file.blob_id
    if found != stated:
        return f"its checksum is {found[:12]}..., and the hub states {stated[:12]}..."
    return None


def _remove_all_but(folder: Path, names: Mapping[str, Any]) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder).as_posix() not in names:
            path.unlink()


def _explain(error: Exception) -> str:
    # The text of the hub's errors is not shown, because it quotes addresses, some of which are
    # signed and give access to the file.
    match error:
        case GatedRepoError():
            return (
                "is gated: accept its licence on the model's page, then set HF_TOKEN to a token of "
                "that account and run the same command again"
            )
        case RevisionNotFoundError():
            return "the hub has no such revision; correct it in the configuration"
        case RepositoryNotFoundError():
            return (
                "the hub has no such repository, or not for you; correct it in the configuration, "
                "or set HF_TOKEN"
            )
        case HfHubHTTPError():
            status = error.response.status_code
            advice = "check HF_TOKEN, then run" if status in (401, 403) else "later, run"
            said = error.server_message or "no reason given"
            return f"the hub answered {status}; {advice} the same command again ({said})"
        case OfflineModeIsEnabled():
            return "HF_HUB_OFFLINE is set; fetch on a machine with a network, and without it"
        case HTTPError():
            return (
                f"no connection to the hub, or it broke ({error}); on a machine with a network, "
                "the same command goes on from here"
            )
    return f"download failed: {error}"


class _Meter:
    """Shows how many megabytes of all files are present, in place of http_get's progress bar."""

    def __init__(self, what: str, folder: Path, files: Mapping[str, RepoSibling]):
        present = (folder / name for name in files)
        self._bytes = sum(path.stat().st_size for path in present if path.exists())
        self._total = -(-sum(file.size for file in files.values()) // 10**6)
        self._progress = Progress(what, self._total)

    def progress_bar(self, **_: Any) -> "_Meter":
        return self

    def __enter__(self) -> "_Meter":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, more: int) -> None:
        self._bytes += more
        # The last megabyte is shown by `finish`, when everything is verified.
        self._progress.update(min(self._bytes // 10**6, self._total - 1))

    def finish(self) -> None:
        self._progress.update(self._total)
