"""Fetching from a loopback server that speaks the hub's HTTP interface."""

import fcntl
import json
import re
import shlex
import signal
import subprocess
import sys

import pytest

from rlvf.benchmarks import minimbpp
from rlvf.benchmarks.minimbpp import load
from rlvf.checksums import check_folder
from rlvf.errors import RlvfError
from rlvf.records import write_jsonl
from rlvf.settings import to_json
from tests.hub import REVISION, SIGNATURE, TOKEN, command, files_of, run

# huggingface_hub writes in pieces of this size.
PIECE = 10 * 2**20
WEIGHTS = bytes(range(256)) * (2 * PIECE // 256) + b"the rest"
FILES = {"config.json": b'{"model_type": "qwen3"}', "model.safetensors": WEIGHTS}
OTHERS = {"pytorch_model.bin": b"the weights again", "images/logo.png": b""}


@pytest.fixture
def hub(hub):
    hub.repos["models/good/model"] = FILES | OTHERS
    return hub


@pytest.fixture
def fetch(hub, tmp_path):
    """Fetches into tmp_path/model; HF_HOME is tmp_path/home."""

    def fetch(repo="good/model", revision=REVISION, **environment):
        line = command(tmp_path / "model", repo, revision=revision)
        return run(line, hub.environment(tmp_path / "home", **environment))

    return fetch


def assert_one_line(done, *parts):
    """One line that says what is wrong, after what huggingface_hub says of its own attempts."""
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("rlvf ")]
    assert done.stderr.endswith(line + "\n") and "Traceback" not in done.stderr
    for part in parts:
        assert part in line
    return line


def test_the_files_of_the_revision_are_fetched_and_nothing_else_is_written(fetch, tmp_path):
    done = fetch()
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    found = files_of(tmp_path / "model")
    checksums = json.loads(found.pop("checksums.json"))
    assert found == FILES
    assert {name: file["size"] for name, file in checksums["files"].items()} == {
        name: len(body) for name, body in FILES.items()
    }


def test_what_is_there_undamaged_is_not_fetched_again(fetch, hub):
    assert fetch().returncode == 0
    hub.down = True
    assert fetch().returncode == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"repo": "no/model"}, "the hub has no such repository, or not for you"),
        ({"revision": "f" * 40}, "the hub has no such revision"),
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set; fetch on a machine with a network"),
        ({"HF_ENDPOINT": "http://127.0.0.1:9"}, "no connection to the hub"),
        ({"HF_TOKEN": TOKEN + "\x7f"}, "the token (HF_TOKEN) holds characters that no token has"),
    ],
)
def test_a_refusal_says_what_to_do_and_leaves_nothing(fetch, tmp_path, changes, message):
    assert_one_line(fetch(**changes), message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("environment", [{}, {"HF_TOKEN": "hf_of_another_account"}])
def test_a_gated_model_says_what_to_do(fetch, hub, environment):
    hub.gated.add("models/good/model")
    message = "is gated: accept its licence on the model's page, then set HF_TOKEN"
    assert_one_line(fetch(**environment), message)


def test_a_gated_model_is_fetched_with_a_token_which_only_the_hub_gets_to_see(fetch, hub):
    hub.gated.add("models/good/model")
    assert fetch(HF_TOKEN=TOKEN).returncode == 0
    assert set(hub.requests) == {
        ("config.json", None, True),
        ("model.safetensors", None, False),  # from the storage behind the hub
    }


def test_a_repository_without_safetensors_is_refused(fetch, hub):
    hub.repos["models/good/model"] = OTHERS
    assert_one_line(fetch(), "the hub has no *.safetensors there")


def test_a_cut_connection_is_taken_up_by_the_next_run(fetch, hub, tmp_path):
    hub.broken["model.safetensors"] = PIECE + 1000
    assert_one_line(fetch(), "the hub answered 503", "run the same command again")
    assert not (tmp_path / "model").exists()

    hub.broken, hub.down, hub.requests = {}, False, []
    assert fetch().returncode == 0
    assert hub.requests == [("model.safetensors", f"bytes={PIECE}-", False)]
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_was_stopped_is_taken_up_by_the_next(fetch, hub, tmp_path, signal_):
    hub.stalled["model.safetensors"] = PIECE + 1000
    line = command(tmp_path / "model").removeprefix("rlvf ")
    process = subprocess.Popen(
        [sys.executable, "-m", "rlvf.cli", *shlex.split(line)],
        env=hub.environment(tmp_path / "home"),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert hub.stalling.wait(60)
    partial = tmp_path / ".model.partial" / "model.safetensors"
    while partial.stat().st_size < PIECE:
        pass
    process.send_signal(signal_)
    said = process.communicate(timeout=60)[1]
    if signal_ == signal.SIGINT:
        assert "rlvf fetch: interrupted; the same command goes on from here" in said

    hub.stalled, hub.requests = {}, []
    assert fetch().returncode == 0
    assert hub.requests == [("model.safetensors", f"bytes={PIECE}-", False)]
    assert files_of(tmp_path / "model").keys() == {*FILES, "checksums.json"}
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("name", FILES)
def test_a_corrupted_file_is_named_and_not_kept(fetch, hub, tmp_path, name):
    hub.corrupted.add(name)
    assert_one_line(fetch(), f"good/model@0123456789ab: {name} arrived damaged: its checksum is")
    assert name not in files_of(tmp_path / ".model.partial")
    assert not (tmp_path / "model").exists()

    hub.corrupted.clear()
    assert fetch().returncode == 0
    assert (tmp_path / "model" / name).read_bytes() == FILES[name]


def test_a_damaged_rest_of_an_earlier_run_is_fetched_anew(fetch, hub, tmp_path):
    (tmp_path / ".model.partial").mkdir()
    (tmp_path / ".model.partial" / "model.safetensors").write_bytes(b"something else")
    assert fetch().returncode == 0
    ranges = [asked for name, asked, _ in hub.requests if name == "model.safetensors"]
    assert ranges == ["bytes=14-", None]


def test_two_at_once_do_not_spoil_each_others_files(fetch, tmp_path):
    with open(tmp_path / ".model.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert_one_line(fetch(), "model: another process is filling it")


def test_a_folder_that_was_not_fetched_is_not_replaced(fetch, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "thesis.txt").write_text("years of work")
    assert_one_line(fetch(), "is there and was not made by `rlvf fetch`")
    assert files_of(tmp_path / "model") == {"thesis.txt": b"years of work"}


def test_a_full_disk_is_named(hub, small_disk, tmp_path):
    done = run(command(small_disk / "model"), hub.environment(tmp_path))
    assert_one_line(done, f"{small_disk / 'model'}: cannot write: No space left on device")


# ---------------------------------------------------------------- use, offline


@pytest.fixture
def tiny(hub, tiny_model):
    """The hub's `tiny/model` is a real one."""
    hub.repos["models/tiny/model"] = files_of(tiny_model)


def stage(name, folder, config):
    """`rlvf train` or `rlvf generate` with the model of a folder."""
    write_jsonl(folder / "tasks.jsonl", load(minimbpp.Settings(), "train")[:8])
    if name == "generate":
        cell = config.cell("rlvr", "mini-qwen3", "base", 1)
        settings = config.generate_settings(cell, config.evaluation_of(cell, "greedy"))
        outputs = ["--out", folder / "completions.jsonl"]
    else:
        settings = config.train_settings(config.cell("rlvr", "mini-qwen3", "grpo-tests", 1))
        files = ("log", "rollouts", "times", "out")
        outputs = [part for name in files for part in (f"--{name}", folder / name)]
    files = ["--model", folder / "model", "--tasks", folder / "tasks.jsonl", *outputs]
    return shlex.join(["rlvf", name, *map(str, files), "--settings", to_json(settings)])


def damage(path):
    body = path.read_bytes()
    path.write_bytes(body[:-1] + bytes([body[-1] ^ 1]))


@pytest.mark.parametrize("name", ["train", "generate"])
@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (damage, "changed: sha256 is"),
        (lambda path: path.write_bytes(b""), "changed: 0 bytes instead of"),
        (lambda path: path.unlink(), "cannot be read: No such file"),
    ],
)
def test_a_spoilt_file_is_named_with_the_command_that_repairs_it(
    fetch, hub, tiny, mini_config, tmp_path, name, spoil, problem
):
    assert fetch("tiny/model").returncode == 0
    spoil(tmp_path / "model" / "model.safetensors")
    environment = hub.environment(tmp_path / "home")
    done = run(stage(name, tmp_path, mini_config), environment)
    line = assert_one_line(done, f"{tmp_path}/model/model.safetensors: {problem}", "repair it with")

    hub.requests.clear()
    repaired = run(re.search(r"rlvf fetch --settings.*", line)[0], environment)
    assert repaired.returncode == 0, repaired.stderr
    assert {name for name, *_ in hub.requests} == {"model.safetensors"}
    check_folder(tmp_path / "model")


def test_a_fetched_model_is_used_without_the_hub(fetch, hub, tiny, mini_config, tmp_path):
    assert fetch("tiny/model").returncode == 0
    hub.requests.clear()
    hub.down = True
    done = run(stage("generate", tmp_path, mini_config), hub.environment(tmp_path / "home"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "completions.jsonl").exists() and hub.requests == []


def test_checksums_that_cannot_be_read_are_named(fetch, tmp_path):
    assert fetch().returncode == 0
    (tmp_path / "model" / "checksums.json").write_text("{")
    with pytest.raises(RlvfError, match=r"checksums\.json: cannot be read; remove .*model and"):
        check_folder(tmp_path / "model")


# ---------------------------------------------------------------- secrets


@pytest.mark.parametrize("given", ["by environment", "by login"])
@pytest.mark.parametrize("fault", [None, "gated", "broken", "corrupted", "down"])
def test_no_secret_is_ever_written(fetch, hub, tmp_path, given, fault):
    token = TOKEN
    hub.gated.add("models/good/model")
    if fault == "gated":
        token = TOKEN + "_of_another_account"
    if fault == "broken":
        hub.broken["model.safetensors"] = PIECE + 1000
    if fault == "corrupted":
        hub.corrupted.add("model.safetensors")
    hub.down = fault == "down"
    if given == "by environment":
        done = fetch(HF_TOKEN=token)
    else:
        login = tmp_path / "home" / "token"
        login.parent.mkdir()
        login.write_text(token)
        done = fetch()
        login.unlink()
    assert done.returncode == (1 if fault else 0)
    written = {"output": (done.stdout + done.stderr).encode()} | files_of(tmp_path)
    for secret in (TOKEN, SIGNATURE):
        assert [name for name, text in written.items() if secret.encode() in text] == []
