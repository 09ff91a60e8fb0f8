"""The rules that fetch, run for real from a hub on this machine."""

import shutil

import pytest

from rlvf.benchmarks.mbpp import content_checksum
from tests.hub import REVISION, SIGNATURE, TOKEN, files_of, mbpp_files
from tests.workflow.conftest import planned

MODEL = {"config.json": b"{}", "model.safetensors": b"weights"}
ROWS = [
    {
        "task_id": number,
        "text": "Write a function to add.",
        "code": "def add(a, b):\n    return a + b",
        "test_setup_code": "",
        "test_list": ["assert add(1, 2) == 3"],
        "challenge_test_list": [],
    }
    for number in (11, 601)
]
STUDY = f"""
cache: shared
models:
  qwen3-0.6b: {{repo: some/model, revision: "{REVISION}"}}
  llama-3.2-1b: {{repo: gated/model, revision: "{REVISION}"}}
benchmarks:
  mbpp: {{repo: some/mbpp, revision: "{REVISION}", sha256: {content_checksum(ROWS)}}}
"""
TASKS = "results/rlvr/tasks/test.jsonl"


@pytest.fixture
def snakemake(checkout, hub, monkeypatch):
    hub.repos = {
        "models/some/model": MODEL,
        "models/gated/model": MODEL,
        "datasets/some/mbpp": mbpp_files(ROWS),
    }
    hub.gated = {"models/gated/model"}
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HF_HOME", str(checkout.folder / "home"))
    (checkout.folder / "study.yaml").write_text(STUDY)

    def run(*arguments, more=()):
        files = ["--configfile", "study.yaml", *more]
        return checkout.snakemake(*arguments, "--cores", "1", *files)

    return run


def test_all_is_fetched_once_by_rules_that_no_token_passes(snakemake, checkout, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    done = snakemake("--until", "fetch_model", "fetch_benchmark")
    assert done.returncode == 0, done.stdout + done.stderr
    shared = checkout.folder / "shared"
    for folder in ("models/some--model", "models/gated--model", "datasets/some--mbpp"):
        assert (shared / folder / REVISION / "checksums.json").exists()
    assert "home" not in [path.name for path in checkout.folder.iterdir()]

    written = files_of(checkout.folder) | {"output": (done.stdout + done.stderr).encode()}
    assert any(name.startswith(".snakemake/metadata") for name in written)
    for secret in (TOKEN, SIGNATURE):
        assert [name for name, text in written.items() if secret.encode() in text] == []


def test_tasks_need_the_hub_once_per_revision(snakemake, checkout, hub):
    assert snakemake(TASKS).returncode == 0
    hub.down = True
    note = checkout.folder / "results" / "fetched" / "datasets" / "some--mbpp" / f"{REVISION}.json"
    (checkout.folder / TASKS).unlink()
    assert snakemake(TASKS).returncode == 0

    # Fetched again it is the same.
    note.touch()
    again = snakemake("-n", TASKS)
    assert "Nothing to be done" in again.stdout + again.stderr

    # And in another place, too.
    (checkout.folder / "moved.yaml").write_text("cache: elsewhere\n")
    again = snakemake("-n", TASKS, more=["moved.yaml"])
    assert "Nothing to be done" in again.stdout + again.stderr

    (checkout.folder / "other.yaml").write_text(
        f"benchmarks: {{mbpp: {{revision: {REVISION[::-1]}}}}}"
    )
    done = snakemake("-n", TASKS, more=["other.yaml"])
    assert planned(done) == {"fetch_benchmark": 1, "study_tasks": 1, "total": 2}


def test_what_the_cache_lost_is_fetched_again_for_what_reruns_and_reruns_nothing(
    snakemake, checkout, hub
):
    both = (TASKS, TASKS.replace("test", "train"))
    assert snakemake(*both).returncode == 0
    shutil.rmtree(checkout.folder / "shared")
    hub.requests.clear()
    assert snakemake(*both).returncode == 0
    assert hub.requests == []

    (checkout.folder / TASKS).unlink()
    assert planned(snakemake("-n", *both)) == {"study_tasks": 1, "total": 1}
    done = snakemake(*both)
    assert done.returncode == 0, done.stdout + done.stderr
    assert hub.requests
    assert (checkout.folder / TASKS).exists()


def test_a_run_that_cannot_fetch_what_it_needs_ends_before_its_first_job(snakemake, checkout, hub):
    assert snakemake(TASKS).returncode == 0
    shutil.rmtree(checkout.folder / "shared")
    (checkout.folder / TASKS).unlink()
    hub.down = True
    done = snakemake(TASKS)
    assert done.returncode == 1
    assert "rlvf fetch: error: some/mbpp@0123456789ab: " in done.stderr
    assert "study_tasks" not in done.stderr.partition("rlvf fetch: error")[2]


def test_a_refusal_is_shown(snakemake):
    done = snakemake("--until", "fetch_model")
    assert done.returncode == 1
    assert "rlvf fetch: error: gated/model@0123456789ab: is gated: accept its" in done.stderr
