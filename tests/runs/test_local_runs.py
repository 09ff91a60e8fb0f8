"""Runs of the real Snakemake on this machine, and what can be seen of them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.processes import wait_until
from tests.workflow.conftest import Checkout

_START = """
from snakemake_logger_plugin_rlvf import log_plan

onstart:
    log_plan(workflow)

"""

# Of three models one is trained at the second attempt, one never, one leaves no file.
_TROUBLE = """
rule all:
    input: expand("{model}/samples", model=["lucky", "broken", "forgetful"])

rule fetch:
    output: "{model}/model"
    shell: "echo > {output}"

rule train:
    input: "{model}/model"
    output: "{model}/adapter"
    log: "logs/{model}/train.log"
    shell:
        "echo 'train: 1/10' > {log}; echo 'rlvf train: error: no such {wildcards.model}' >> {log};"
        " if [ {wildcards.model} = forgetful ]; then exit 0; fi;"
        " if [ {wildcards.model} = lucky ] && [ -e once ]; then touch {output}; exit 0; fi;"
        " [ {wildcards.model} != lucky ] || touch once; exit 1"

rule measure:
    input: "{model}/adapter"
    output: "{model}/samples"
    shell: "echo > {output}"
"""

_SUMMARY = """\
rlvf: 5 of 10 steps done in TIME; 2 failed, 3 stopped, 3 retried

Failed:
  train broken: error in attempt 2
    rlvf train: error: no such broken
    log: logs/broken/train.log
    stopped because of it: 2 jobs
  train forgetful: error in attempt 2
    missing after it: forgetful/adapter
    log: logs/forgetful/train.log
    stopped because of it: 2 jobs

Retried:
  train broken
    attempt 1: rlvf train: error: no such broken
    attempt 2: rlvf train: error: no such broken
  train forgetful
    attempt 1: missing after it: forgetful/adapter
    attempt 2: missing after it: forgetful/adapter
  train lucky
    attempt 1: rlvf train: error: no such lucky
    attempt 2: done
"""

_WAITS = """
rule all:
    input: "adapter", "tasks"

rule tasks:
    output: "tasks"
    shell: "echo > {output}"

rule train:
    input: "tasks"
    output: "adapter"
    shell: "while [ ! -e go ]; do sleep 0.1; done; echo > {output}"
"""


def start(folder: Path, rules: str, *options: str) -> subprocess.Popen[str]:
    (folder / "Snakefile").write_text(_START + rules)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--logger", "rlvf", *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, text=True, **pipes)


def ended(run: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit status, and what it said on standard error."""
    said = run.communicate(timeout=120)[1]
    return run.returncode, said


def status(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rlvf.cli", "status", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def table(text: str) -> dict[str, dict[str, str]]:
    """By rule and column."""
    rows = [line.split() for line in text.split("\n\n")[1].splitlines()]
    return {rule: dict(zip(rows[0], counts, strict=True)) for rule, *counts in rows[1:]}


def counts(**states: str) -> dict[str, str]:
    names = ("waiting", "queued", "running", "done", "failed", "stopped")
    return dict.fromkeys(names, ".") | states


def timeless(text: str) -> str:
    return re.sub(r" in [\d.]+ (s|min)", " in TIME", text)


@pytest.fixture(scope="module")
def trouble(tmp_path_factory):
    """A folder in which a run has failed; and its exit status and words."""
    folder = tmp_path_factory.mktemp("trouble")
    run = start(folder, _TROUBLE, "--keep-going", "--retries", "1", "--latency-wait", "1")
    return folder, *ended(run)


def test_the_end_of_a_run_names_what_failed_and_what_was_retried_after_all_else(trouble):
    _, code, said = trouble
    console, _, summary = said.partition("\nWorkflowError:\nAt least one job did not complete")
    assert code == 1
    assert "Finished jobid" in console
    paragraphs = timeless(summary.partition("\n\n")[2]).split("\n\n")
    expected = _SUMMARY.split("\n\n")
    assert paragraphs[0] == expected[0]
    # Jobs that do not depend on each other stand in any order.
    assert [sorted(one.splitlines()) for one in paragraphs] == [
        sorted(one.splitlines()) for one in expected
    ]


def test_status_shows_the_same_of_a_run_that_has_ended_and_a_table_by_rule(trouble):
    folder, _, said = trouble
    shown = status(folder).stdout
    assert said.rstrip().endswith(shown.rstrip()[shown.index("Failed:") :])
    assert table(shown) == {
        "fetch": counts(done="3"),
        "train": counts(done="1", failed="2"),
        "measure": counts(done="1", stopped="2"),
        "all": counts(stopped="1"),
    }


def test_a_run_that_succeeded_names_what_was_retried(tmp_path):
    code, said = ended(start(tmp_path, _TROUBLE, "--retries", "1", "lucky/samples"))
    assert code == 0
    assert timeless(said).endswith(
        "\n\nrlvf: 3 of 3 steps done in TIME; 0 failed, 0 stopped, 1 retried\n\nRetried:\n"
        "  train lucky\n    attempt 1: rlvf train: error: no such lucky\n    attempt 2: done\n"
    )


def test_a_run_without_trouble_ends_with_one_line_more(tmp_path):
    (tmp_path / "go").touch()
    code, said = ended(start(tmp_path, _WAITS))
    assert code == 0
    assert "Finished jobid" in said
    assert timeless(said).endswith(
        "\n\nrlvf: 3 of 3 steps done in TIME; 0 failed, 0 stopped, 0 retried\n"
    )


@pytest.fixture
def waiting(tmp_path):
    """A folder in which a run waits for the file `go`; and the run."""
    run = start(tmp_path, _WAITS)
    wait_until(lambda: "Running:\n  train: " in status(tmp_path).stdout, seconds=60)
    yield tmp_path, run
    (tmp_path / "go").touch()
    run.communicate(timeout=60)


def test_status_shows_a_run_that_goes_on(waiting):
    shown = status(waiting[0]).stdout
    assert re.search(r"since .*: 1 of 3 steps done in [\d.]+ s so far; 0 failed", shown)
    assert table(shown) == {
        "tasks": counts(done="1"),
        "train": counts(running="1"),
        "all": counts(waiting="1"),
    }


def test_status_follows_a_run_until_it_ends(waiting):
    folder, run = waiting
    command = [sys.executable, "-m", "rlvf.cli", "status", "--follow"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as following:
        assert "so far" in following.stdout.readline() + following.stdout.readline()
        (folder / "go").touch()
        assert ended(run)[0] == 0
        last = following.communicate(timeout=30)[0].rpartition("since ")[2]
    assert "3 of 3 steps done" in last and "so far" not in last


def test_status_says_that_snakemake_was_killed(waiting):
    folder, run = waiting
    run.kill()
    run.wait()
    shown = status(folder, "--follow").stdout
    assert "1 of 3 steps done (Snakemake is gone, last heard of" in shown


def test_a_run_that_cannot_be_watched_succeeds_all_the_same(tmp_path):
    (tmp_path / ".snakemake").mkdir()
    (tmp_path / ".snakemake" / "rlvf").touch()  # where a folder is to be
    (tmp_path / "go").touch()
    code, said = ended(start(tmp_path, _WAITS))
    assert code == 0
    assert "FileExistsError" in said and "3 of 3 steps (100%) done" in said


def test_a_dry_run_is_no_run(tmp_path):
    assert ended(start(tmp_path, _WAITS, "-n"))[0] == 0
    done = status(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("rlvf status: error: no run found in .snakemake/rlvf; start one")


@pytest.mark.parametrize(
    "options",
    [
        ["--profile", "mini"],
        ["--profile", "slurm", "--executor", "local", "--configfile", "config/mini.yaml"],
    ],
)
def test_both_profiles_make_runs_that_can_be_watched(tmp_path, options):
    done = Checkout(tmp_path).snakemake("results/mini/rlvr/tasks/test.jsonl", *options)
    assert "To watch this run, in another terminal: rlvf status --follow" in done.stderr
    assert "\n\nrlvf: 1 of 1 steps done" in done.stderr
    assert table(status(tmp_path).stdout) == {"study_tasks": counts(done="1")}
