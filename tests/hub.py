"""A loopback server that speaks the hub's HTTP interface, faults included.

Large files are redirected, as on the real hub, to a second server under an address that is signed.
"""

import contextlib
import hashlib
import http.server
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow
from huggingface_hub.utils.sha import git_hash
from pyarrow import parquet

from rlvf.benchmarks.mbpp import SPLITS
from rlvf.checksums import fetch_command
from rlvf.settings import FetchSettings

REVISION = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_TheTokenThatMustNotBeSeen"
SIGNATURE = "TheSignatureThatMustNotBeSeen"
LARGE = (".safetensors", ".parquet")


class Hub:
    """Repositories at REVISION by `kind/owner/name`, each with its files by path.

    Of `gated` ones it gives the list to everybody and files to TOKEN. A transfer of a file in
    `broken` ends after so many bytes, and from then on the hub is `down`; of a file in `stalled`
    it then waits. Of a file in `corrupted` one byte is another. `requests` are the files' requests:
    name, Range, whether with a token.
    """

    def __init__(self):
        self.repos: dict[str, dict[str, bytes]] = {}
        self.gated: set[str] = set()
        self.broken: dict[str, int] = {}
        self.stalled: dict[str, int] = {}
        self.corrupted: set[str] = set()
        self.down = False
        self.requests: list[tuple[str, str | None, bool]] = []
        self.stalling = threading.Event()
        self.storage = ""
        self.endpoint = ""

    @contextlib.contextmanager
    def serving(self) -> Iterator["Hub"]:
        servers = []
        for _ in range(2):
            handler = type("Handler", (_Handler,), {"hub": self})
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            servers.append(server)
        self.endpoint, self.storage = (f"http://127.0.0.1:{s.server_port}" for s in servers)
        yield self
        for server in servers:
            server.shutdown()
            server.server_close()

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        """For a process that knows this hub only, and no token but those in `more`."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
        return kept | {"HF_ENDPOINT": self.endpoint, "HF_HOME": str(home)} | more


class _Handler(http.server.BaseHTTPRequestHandler):
    hub: Hub

    def do_GET(self):
        path = self.path.split("?")[0]
        parts = path.strip("/").split("/")
        if self.hub.down:
            self._refuse(503)
        elif parts[0] == "api" and parts[4:5] == ["revision"]:
            self._list("/".join(parts[1:4]), revision=parts[5])
        elif parts[0] == "stored":
            self._send("/".join(parts[1:4]), "/".join(parts[4:]))
        else:
            kind = [] if parts[0] == "datasets" else ["models"]
            parts = kind + parts
            self._resolve("/".join(parts[:3]), "/".join(parts[5:]))

    def _list(self, repo, revision):
        if repo not in self.hub.repos:
            self._refuse(404, X_Error_Code="RepoNotFound")
        elif revision != REVISION:
            self._refuse(404, X_Error_Code="RevisionNotFound")
        else:
            files = self.hub.repos[repo].items()
            siblings = [{"rfilename": name, **_metadata(name, body)} for name, body in files]
            info = {"id": repo, "sha": REVISION, "tags": [], "siblings": siblings}
            self._answer(200, json.dumps(info).encode())

    def _resolve(self, repo, name):
        token = self.headers["Authorization"]
        if repo in self.hub.gated and token != f"Bearer {TOKEN}":
            self._refuse(401 if token is None else 403, X_Error_Code="GatedRepo")
        elif name.endswith(LARGE):
            where = f"{self.hub.storage}/stored/{repo}/{name}?signature={SIGNATURE}"
            self._answer(302, Location=where)
        else:
            self._send(repo, name)

    def _send(self, repo, name):
        body = self.hub.repos[repo][name]
        if name in self.hub.corrupted:
            body = body[:-1] + bytes([body[-1] ^ 1])
        asked = self.headers["Range"]
        self.hub.requests.append((name, asked, "Authorization" in self.headers))
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        end = self.hub.broken.get(name, self.hub.stalled.get(name, len(body)))
        self.wfile.write(body[start:end])
        if name in self.hub.broken:
            self.hub.down = True
            self.close_connection = True
        elif name in self.hub.stalled:
            self.wfile.flush()
            self.hub.stalling.set()
            with contextlib.suppress(OSError):
                self.rfile.read(1)  # until the client is gone

    def _refuse(self, status, **headers):
        """With a message that repeats the token: the worst that a hub could do."""
        message = f"nothing here for {self.headers['Authorization']}"
        self._answer(status, X_Error_Message=message, **headers)

    def _answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def _metadata(name, body):
    if not name.endswith(LARGE):
        return {"size": len(body), "blobId": git_hash(body)}
    lfs = {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 134}
    return {"size": len(body), "blobId": git_hash(b"a pointer"), "lfs": lfs}


def command(out: Path, repo: str = "good/model", kind: str = "hub", revision: str = REVISION):
    return fetch_command(FetchSettings(kind=kind, repo=repo, revision=revision), out)


def run(line: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A command as a person would enter it; `rlvf` is the one under test."""
    done = line.replace("rlvf ", f"{sys.executable} -m rlvf.cli ", 1)
    return subprocess.run(
        done,
        shell=True,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def mbpp_files(rows: list[dict]) -> dict[str, bytes]:
    """The dataset's files as the hub has them: a Parquet file for each split."""
    files = {"README.md": b"MBPP"}
    for split, ids in SPLITS.items():
        table = pyarrow.Table.from_pylist([row for row in rows if row["task_id"] in ids])
        if len(table):
            buffer = io.BytesIO()
            parquet.write_table(table, buffer)
            files[f"full/{split}-00000-of-00001.parquet"] = buffer.getvalue()
    return files


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file under a folder, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
