"""`snakemake --profile slurm` on a real Slurm: nothing is lost, nothing is done twice."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.processes import wait_until
from tests.workflow.conftest import Checkout

STUDY = Path(__file__).with_name("study.yaml")
CELL = Path("results/mini/rlvr/mini-qwen3/gspo-combined/seed1")
# So that an end is seen soon.
FAST = ("--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "5")
# On the cluster in place of rlvf: notes who ran when, with which GPU, and can be slow once.
RECORDER = """#!/bin/sh
start=$(date +%s.%N)
case "$*" in *"${{RLVF_SLOW:-nothing}}"*) mkdir {log}.slow 2> /dev/null && sleep 100 ;; esac
{rlvf} "$@"
status=$?
echo "{{\\"stage\\": \\"$1\\", \\"gpus\\": \\"$CUDA_VISIBLE_DEVICES\\", \\"from\\": $start," \
    "\\"to\\": $(date +%s.%N)}}" >> {log}
exit $status
"""


# In place of sbatch: notes its arguments, a line each, and submits.
SUBMITTER = """#!/bin/sh
printf '%s\\n' "$@" >> {log}
exec {sbatch} "$@"
"""


class Study(Checkout):
    """A checkout with a tiny study, and `rlvf` recorded."""

    @property
    def records(self):
        return [json.loads(line) for line in (self.folder / "ran").read_text().splitlines()]

    def record(self, monkeypatch):
        rlvf, log = Path(sys.executable).with_name("rlvf"), self.folder / "ran"
        self.put_before(monkeypatch, "rlvf", RECORDER.format(rlvf=rlvf, log=log))

    def put_before(self, monkeypatch, name, script):
        """Have a script run in place of a program."""
        program = self.folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(script)
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")

    def command(self, *arguments, more=()):
        files = ("config/mini.yaml", "study.yaml", *more)
        options = ("--profile", "slurm", "--configfile", *files, *FAST, *arguments)
        return [sys.executable, "-m", "snakemake", *options]

    def start(self, *arguments, more=()):
        return subprocess.Popen(
            self.command(*arguments, more=more),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments, more=()):
        with self.start(*arguments, more=more) as process:
            output = process.communicate(timeout=900)[0]
        return process.returncode, output


@pytest.fixture(scope="module")
def made(cluster, tmp_path_factory):
    """The whole study, made once."""
    study = Study(tmp_path_factory.mktemp("study"))
    shutil.copy(STUDY, study.folder)
    with pytest.MonkeyPatch.context() as monkeypatch:
        study.record(monkeypatch)
        status, study.output = study.run()
    assert status == 0, study.output
    study.jobs = cluster.jobs()
    return study


@pytest.fixture
def study(made, tmp_path):
    """A study of one's own in which everything has been made."""
    folder = tmp_path / "study"
    shutil.copytree(made.folder, folder, symlinks=True)
    study = Study.__new__(Study)
    study.folder = folder
    return study


def test_the_whole_study_is_made(made):
    results = made.folder / "results" / "mini" / "rlvr"
    assert (results / "paper.pdf").read_bytes().startswith(b"%PDF")
    assert (made.folder / CELL / "greedy" / "samples.jsonl").exists()
    assert not (made.folder / CELL / "checkpoints").exists()


def test_every_gpu_job_has_one_gpu_of_its_own_and_no_other_job_has_any(made):
    gpus = {"train", "pretrain", "generate"}
    for one in made.records:
        assert one["gpus"] in (("0", "1") if one["stage"] in gpus else ("", "NoDevFiles")), one
    with_gpu = [one for one in made.records if one["stage"] in gpus]
    assert len(with_gpu) == 6
    for one in with_gpu:
        for other in with_gpu:
            if other is not one and one["from"] < other["to"] and other["from"] < one["to"]:
                assert one["gpus"] != other["gpus"]


def test_what_checks_and_measures_an_evaluation_is_one_job(made):
    groups = [job for job in made.jobs if job["comment"].startswith("rule_evaluate")]
    assert len(groups) == 2 * 2 + 2  # trained and base, twice each, and two controls
    assert len(made.jobs) == 6 + 6 + 1  # and the GPU jobs, and the explorer
    stages = [one["stage"] for one in made.records]
    assert stages.count("execute") == stages.count("lint") == 2 * 2 + 2


def test_a_second_run_has_nothing_to_do(made):
    status, output = made.run("-n")
    assert status == 0
    assert "Nothing to be done" in output


SITE = """
qos: long
constraint: fast
gpu_constraint: "fast&big"
sbatch: --mail-type=NONE --licenses='matlab:1'
"""


def test_jobs_ask_for_what_the_site_file_says(cluster, tmp_path, monkeypatch):
    """QOSes are kept by the accounting, which this Slurm has not: it runs jobs that name one."""
    study = Study(tmp_path / "study")
    shutil.copy(STUDY, study.folder)
    (study.folder / "site.yaml").write_text(SITE)
    log = tmp_path / "submitted"
    script = SUBMITTER.format(sbatch=shutil.which("sbatch"), log=log)
    study.put_before(monkeypatch, "sbatch", script)
    before = {job["job_id"] for job in cluster.jobs()}
    results = Path("results/mini")
    control = results / "rlvr/none/reference/seed0/greedy/samples.jsonl"
    status, output = study.run(str(control), str(results / "models/mini-qwen3"))
    assert status == 0, output
    assert (study.folder / control).exists()
    jobs = [job for job in cluster.jobs() if job["job_id"] not in before]
    gpu, cpu = sorted(jobs, key=lambda job: "pretrain" not in job["comment"])
    assert (gpu["job_state"], cpu["job_state"]) == ("COMPLETED", "COMPLETED")
    assert (gpu["features"], cpu["features"]) == ("fast&big", "fast")
    assert (gpu["licenses"], cpu["licenses"]) == ("matlab:1", "matlab:1")
    words = log.read_text().splitlines()
    assert words.count("--qos=long") == words.count("--mail-type=NONE") == 2


# ---------------------------------------------------------------- interruptions


LONGER = "studies: {rlvr: {training: {generations: 60}}}\n"


def by_hand(study, settings, out):
    """The same training without a cluster and undisturbed."""
    tasks, model = "results/mini/rlvr/tasks/train.jsonl", "results/mini/models/mini-qwen3"
    files = [f"--{name}={out / name}.jsonl" for name in ("log", "rollouts", "times")]
    command = ["rlvf.cli", "train", "--tasks", tasks, "--model", model, *files]
    command += ["--settings", settings, "--out", out / "adapters"]
    subprocess.run([sys.executable, "-m", *command], cwd=study.folder, check=True)
    return (out / "adapters" / "final" / "adapter_model.safetensors").read_bytes()


def test_a_preempted_training_ends_in_the_same_adapter(cluster, study, tmp_path):
    (study.folder / "longer.yaml").write_text(LONGER)
    cell = study.folder / CELL
    with study.start(str(CELL / "adapters"), more=["longer.yaml"]) as process:
        wait_until(lambda: list(cell.glob("checkpoints/step-*")), seconds=120)
        (job,) = cluster.running("train")
        urgent = cluster.submit("sleep 1", "--partition=urgent", "--gpus=2", "--cpus-per-task=4")
        output = process.communicate(timeout=900)[0]
    assert process.returncode == 0, output
    after = {one["job_id"]: one for one in cluster.jobs()}
    assert after[job["job_id"]]["restart_cnt"] == 1
    assert after[int(urgent)]["job_state"] == "COMPLETED"
    final = cell / "adapters" / "final"
    adapter = (final / "adapter_model.safetensors").read_bytes()
    assert adapter == by_hand(study, final / "cell.json", tmp_path / "hand")


TWO_CELLS = """
resources: {train: {gpus: 1, cpus: 1, mem_mb: 1000, runtime: 1}}
studies:
  rlvr:
    # Takes more prompts than there are tasks.
    axes: {reward: {tests: {generation_batch_size: 128}}}
    grid:
      - {algorithm: [gspo], reward: [combined, tests]}
"""


def test_a_time_limit_is_raised_and_a_failure_stops_only_what_needs_it(cluster, study, monkeypatch):
    monkeypatch.setenv("RLVF_SLOW", '"cell": {"model": "mini-qwen3", "policy": "gspo-combined"')
    study.record(monkeypatch)
    (study.folder / "cells.yaml").write_text(TWO_CELLS)
    before = len(cluster.jobs())
    (study.folder / CELL / "train.jsonl").unlink()
    status, output = study.run(more=["cells.yaml"])
    assert status == 1
    trainings = [job for job in cluster.jobs()[before:] if "rule_train" in job["comment"]]
    slow, wrong = (
        [job for job in trainings if f"gspo-{reward}_" in job["comment"]]
        for reward in ("combined", "tests")
    )
    assert [(job["time_limit"], job["job_state"]) for job in slow] == [
        (1, "TIMEOUT"),
        (2, "COMPLETED"),
    ]
    assert [job["job_state"] for job in wrong] == ["FAILED"] * 3
    assert "1 failed" in output and "2 retried" in output
    cell = "rlvr/mini-qwen3/gspo-{}/seed1"
    assert f"train {cell.format('tests')}: error in attempt 3 (3 min" in output
    assert "rlvf train: error: 16 training tasks are too few" in output
    retried = output.rpartition("Retried:")[2]
    assert (
        f"train {cell.format('combined')}\n    attempt 1 (1 min, 1000M, 1 GPU): time limit"
        in retried
    )
    made = study.folder / "results" / "mini" / "rlvr" / "mini-qwen3"
    assert (made / "gspo-combined" / "seed1" / "greedy" / "samples.jsonl").exists()
    assert not (made / "gspo-tests" / "seed1" / "greedy").exists()


SECOND_SEED = "studies: {rlvr: {seeds: [1, 2]}}\n"


def test_after_the_worst_the_same_command_goes_on_without_redoing_finished_cells(
    cluster, study, monkeypatch
):
    """First all jobs are cancelled and Snakemake is killed; then it is killed beside its jobs."""
    (study.folder / "second.yaml").write_text(SECOND_SEED)
    study.record(monkeypatch)
    (study.folder / "ran").write_text("")
    cell = study.folder / str(CELL).replace("seed1", "seed2")
    with study.start(more=["second.yaml"]) as process:
        wait_until(lambda: cluster.running("train"), seconds=120)
        cluster.cancel_all()
        process.kill()
    with study.start(more=["second.yaml"]) as process:
        wait_until(lambda: cluster.running("train") or cell.joinpath("adapters").exists(), 120)
        process.kill()
    status, output = study.run(more=["second.yaml"])
    assert status == 0, output
    assert (cell / "greedy" / "samples.jsonl").exists()
    # The first seed's were there before; of the second's, each ran to its end once.
    stages = [one["stage"] for one in study.records]
    assert stages.count("measure") == 4
    assert "pretrain" not in stages and "tasks" not in stages
