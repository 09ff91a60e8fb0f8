"""Fetching from a loopback server that speaks the hub's HTTP interface."""

import hashlib
import http.server
import json
import subprocess
import sys
import threading

import pytest

REVISION = "0123456789abcdef0123456789abcdef01234567"
FILES = {"config.json": b'{"model_type": "qwen3"}', "model.safetensors": b"\x00" * 1000}


class Hub(http.server.BaseHTTPRequestHandler):
    """Serves FILES of `good/model`; `gated/model` needs a token; there is nothing else."""

    def _answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_GET(self):
        path = self.path.split("?")[0]
        if "gated/model" in path:
            self._answer(401, X_Error_Code="GatedRepo", X_Error_Message="Access is restricted")
        elif path == f"/api/models/good/model/tree/{REVISION}":
            names = (*FILES, "pytorch_model.bin")
            body = [{"type": "file", "path": name, "size": 1, "oid": name} for name in names]
            self._answer(200, json.dumps(body).encode(), Content_Type="application/json")
        elif path.startswith("/api/models/good/model"):
            self._answer(404, X_Error_Code="RevisionNotFound")
        elif path.startswith(f"/good/model/resolve/{REVISION}/"):
            body = FILES[path.rsplit("/", 1)[1]]
            etag = hashlib.sha256(body).hexdigest()
            self._answer(200, body, ETag=f'"{etag}"', X_Repo_Commit=REVISION)
        else:
            self._answer(404, X_Error_Code="RepoNotFound")

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def endpoint():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def fetch(endpoint, out, repo="good/model", revision=REVISION, **environment):
    settings = {"kind": "hub", "repo": repo, "revision": revision, "dtype": "float32"}
    return subprocess.run(
        [
            *(sys.executable, "-m", "rlvf.cli", "fetch"),
            *("--settings", json.dumps(settings), "--out", out),
        ],
        env={"HF_ENDPOINT": endpoint, "HF_HOME": str(out.parent / "cache"), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_files_of_the_revision_are_fetched_and_no_second_copy_of_the_weights(
    endpoint, tmp_path
):
    done = fetch(endpoint, tmp_path / "model")
    assert done.returncode == 0, done.stderr
    fetched = {p.name: p.read_bytes() for p in (tmp_path / "model").iterdir() if p.is_file()}
    assert fetched == FILES


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"repo": "gated/model"}, "is gated: accept its licence on the model's page, then set HF_"),
        ({"repo": "no/model"}, "the hub has no such repository, or not for you"),
        ({"revision": "f" * 40}, "the hub has no such revision"),
    ],
)
def test_a_refusal_says_what_to_do_and_leaves_nothing(endpoint, tmp_path, changes, message):
    done = fetch(endpoint, tmp_path / "model", **changes)
    assert done.returncode == 1
    assert message in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "model").exists()


def test_without_a_network_it_says_where_to_run_it(tmp_path):
    done = fetch("http://127.0.0.1:9", tmp_path / "model", HF_HUB_OFFLINE="1")
    assert done.returncode == 1
    assert "machine with a network" in done.stderr
