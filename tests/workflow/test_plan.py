"""What Snakemake plans, without running it."""

import re
import subprocess
import sys
from collections import Counter

import pytest

from tests.workflow.conftest import planned

WRONG = "studies: {rlvr: {training: {group_size: 7}}}\n"


def test_the_paper_scale_is_planned_where_there_is_no_slurm(checkout):
    jobs = planned(checkout.snakemake("--profile", "slurm", "-n"))
    cells = 2 * 7 * 3
    assert jobs["fetch_model"] == 2
    assert jobs["fetch_benchmark"] == 1
    assert jobs["train"] == 2 * 6 * 3
    assert jobs["generate"] == cells * 2
    assert jobs["execute"] == jobs["lint"] == cells * 2 + 2
    assert jobs["measure"] == cells * 2 + 2
    assert "pretrain_model" not in jobs


def test_a_local_copy_of_mbpp_is_not_fetched(checkout):
    (checkout.folder / "local.yaml").write_text("benchmarks: {mbpp: {source: mbpp.jsonl}}\n")
    jobs = planned(checkout.snakemake("-n", "--cores", "1", "--configfile", "local.yaml"))
    assert "fetch_benchmark" not in jobs and jobs["study_tasks"] == 2


@pytest.mark.parametrize("arguments", [["--profile", "slurm"], ["--profile", "mini", "rlvr"]])
def test_rlvf_plan_counts_the_jobs_that_snakemake_plans(checkout, arguments):
    jobs = planned(checkout.snakemake(*arguments, "-n", "--quiet", "rules"))
    done = rlvf(checkout, "plan", *arguments)
    assert done.returncode == 0, done.stderr
    counted = Counter()
    for rule, count in re.findall(r"^\| (\w+) .*?\| +(\d+) \|", done.stdout, re.M):
        counted[rule] += int(count)
    del jobs["rlvr" if "rlvr" in arguments else "all"]
    assert counted == jobs | {"total": jobs["total"] - 1}


@pytest.mark.parametrize("product", ["claims", "paper.pdf", "explorer.html"])
def test_a_product_of_a_study_can_be_made_alone_at_the_paper_scale(checkout, product):
    jobs = planned(checkout.snakemake("--profile", "slurm", "-n", f"results/rlvr/{product}"))
    stage = f"study_{product.partition('.')[0]}"
    others = {name for name in jobs if name.startswith("study_")} - {stage}
    needed = {"study_cells", "study_tasks"}
    if product == "paper.pdf":
        needed |= {"study_tables", "study_figures", "study_cost", "study_claims"}
    assert jobs[stage] == 1 and others == needed


def test_a_study_can_be_made_alone(checkout):
    every = planned(checkout.snakemake("--profile", "mini", "-n", "--quiet", "rules"))
    jobs = planned(checkout.snakemake("rlvr", "--profile", "mini", "-n", "--quiet", "rules"))
    assert jobs.pop("rlvr") == every.pop("all") == 1
    assert jobs == every


_FIRST_RUN = """\
never made
  fetch_benchmark of google-research-datasets--mbpp/REVISION: 1 job, TIME
  fetch_model of Qwen--Qwen3-0.6B/REVISION, meta-llama--Llama-3.2-1B-Instruct/REVISION: 2 jobs, TIME
  study_tasks of rlvr/{test,train}: 2 jobs, TIME
  2 cells: rlvr/none/{empty,reference}/seed0
    control, execute, lint, measure each: 8 jobs, TIME
  36 cells: rlvr/{llama-3.2-1b,qwen3-0.6b}/{grpo-combined,grpo-ruff,grpo-tests,gspo-combined,\
gspo-ruff,gspo-tests}/seed{1,2,3}
    train, 2 generate, 2 execute, 2 lint, 2 measure each: 324 jobs, TIME
  6 cells: rlvr/{llama-3.2-1b,qwen3-0.6b}/base/seed{1,2,3}
    2 generate, 2 execute, 2 lint, 2 measure each: 48 jobs, TIME

follows from these cells
  study_cells, study_cost, study_claims, study_explorer, study_figures, study_tables, \
study_paper of rlvr: 7 jobs, TIME

In all 392 jobs, TIME one after the other; up to date: 0.
Wall time with 1 GPU: about TIME.
Not known beforehand: whether the products will differ from the present ones. What follows from a
job is made again in either case.
"""


def rlvf(checkout, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "rlvf.cli", *arguments],
        cwd=checkout.folder,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


def test_of_a_first_run_rlvf_why_says_that_nothing_was_ever_made(checkout):
    done = rlvf(checkout, "why", "--profile", "slurm")
    assert done.returncode == 0 and not done.stderr
    said = re.sub(r"\b[0-9a-f]{40}\b", "REVISION", done.stdout)
    assert re.sub(r"\b[\d.]+ (s|min|h)\b", "TIME", said) == _FIRST_RUN


def test_rlvf_why_passes_on_what_is_wrong_with_the_configuration(checkout):
    (checkout.folder / "wrong.yaml").write_text(WRONG)
    done = rlvf(
        checkout, "why", "--profile", "mini", "--configfile", "config/mini.yaml", "wrong.yaml"
    )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("rlvf why: error: ") and "training.group_size: 7 does not" in line


def test_gpus_are_asked_for_where_the_scale_says_so(checkout):
    paper = checkout.snakemake("--profile", "slurm", "-n").stdout
    mini = checkout.snakemake("-n", "--cores", "1", "--configfile", "config/mini.yaml").stdout
    train = re.search(r"rule train:.*?resources:[^\n]*", paper, re.M | re.S)[0]
    execute = re.search(r"rule execute:.*?resources:[^\n]*", paper, re.M | re.S)[0]
    assert "gpu=1" in train and "gpu" not in execute
    assert "rule train:" in mini and "gpu=" not in mini


def test_a_site_says_how_its_cluster_is_asked(checkout):
    (checkout.folder / "site.yaml").write_text(
        "{account: lab, partition: cpu, gpu_partition: gpus, gpu: 'gpu:a100', qos: low,"
        " gpu_constraint: nvlink, sbatch: --nice=5, gpu_jobs: 3}"
    )
    plan = checkout.snakemake("--profile", "slurm", "-n").stdout
    train, execute = (
        re.search(rf"rule {name}:.*?resources: ([^\n]*)", plan, re.M | re.S)[1].split(", ")
        for name in ("train", "execute")
    )
    assert "slurm_account=lab" in train and "slurm_account=lab" in execute
    assert "slurm_partition=gpus" in train and "slurm_partition=cpu" in execute
    assert "gres=gpu:a100:1" in train and not [asked for asked in train if "gpu=" in asked]
    assert "qos=low" in train and "qos=low" in execute
    assert "constraint=nvlink" in train and "constraint=nvlink" not in execute
    assert "slurm_extra=--nice=5 --signal=TERM@300" in train and "slurm_extra=--nice=5" in execute


def test_a_site_file_that_is_wrong_or_missing_is_named(checkout, monkeypatch):
    (checkout.folder / "site.yaml").write_text("acount: lab\n")
    done = checkout.snakemake("--profile", "slurm", "-n")
    assert "site.yaml: acount: there is no such key (allowed: account" in done.stderr
    (checkout.folder / "site.yaml").write_text("gpu_sbatch: --constraint=a100\n")
    done = checkout.snakemake("--profile", "slurm", "-n")
    (line,) = [line for line in done.stderr.splitlines() if "site.yaml" in line]
    assert line.startswith("site.yaml: gpu_sbatch: '--constraint'"), done.stderr
    assert "Traceback" not in done.stderr
    monkeypatch.setenv("RLVF_SITE", "other.yaml")
    assert "other.yaml: cannot read" in checkout.snakemake("--profile", "slurm", "-n").stderr


def test_a_grid_grows_by_yaml_alone(checkout):
    (checkout.folder / "more.yaml").write_text(
        "studies: {rlvr: {seeds: [1, 2],"
        " axes: {reward: {mostly-tests: {rewards: {tests: 0.9, ruff: 0.1}}}},"
        " grid: [{algorithm: [grpo, gspo], reward: [tests, mostly-tests]}]}}\n"
    )
    done = checkout.snakemake("-n", "--cores", "1", "--configfile", "config/mini.yaml", "more.yaml")
    assert planned(done)["train"] == 2 * 2 * 2 * 2
    assert "gspo-mostly-tests/seed2" in done.stdout


def test_a_wrong_configuration_stops_before_the_plan_with_one_line(checkout):
    (checkout.folder / "wrong.yaml").write_text(WRONG)
    done = checkout.snakemake(
        "-n", "--cores", "1", "--configfile", "config/mini.yaml", "wrong.yaml"
    )
    assert done.returncode == 1
    message = "training.group_size: 7 does not divide generation_batch_size 64 (allowed: 2, 4, 8"
    assert [line for line in done.stderr.splitlines() if message in line]
    assert "Traceback" not in done.stderr


TASKS = ("--benchmark-extended", "--cores", "1", "--configfile", "config/mini.yaml")


def test_what_was_used_is_shown_after_a_run_and_after_a_failed_one(checkout):
    target = "results/mini/rlvr/tasks/test.jsonl"
    done = checkout.snakemake(target, *TASKS)
    assert done.returncode == 0 and "| study_tasks |    1 |" in done.stdout
    (checkout.folder / "missing.yaml").write_text(
        "benchmarks: {mbpp: {source: missing.jsonl}}\n"
        "studies: {rlvr: {tasks: {train: {benchmark: mbpp}}}}\n"
    )
    done = checkout.snakemake("results/mini/rlvr/tasks/train.jsonl", *TASKS, "missing.yaml")
    assert done.returncode == 1 and "| study_tasks |    1 |" in done.stdout


def test_a_run_succeeds_even_if_what_was_used_cannot_be_read(checkout):
    bad = checkout.folder / "results" / "mini" / "usage" / "bad.jsonl"
    bad.parent.mkdir(parents=True)
    bad.write_text("{")
    done = checkout.snakemake("results/mini/rlvr/tasks/test.jsonl", *TASKS)
    assert done.returncode == 0
    assert "rlvf usage: error: results/mini/usage/bad.jsonl: not a record of a job" in done.stderr


# ---------------------------------------------------------------- what configures a run


def test_the_command_line_takes_values_as_a_file_does(checkout):
    changes = [
        'studies={"rlvr": {"training": {"learning_rate": 5e-4, "generations": 7}}}',
        'studies={"rlvr": {"seeds": [1, 2]}}',
        "results=results/elsewhere/",
    ]
    mini = ("--cores", "1", "--configfile", "config/mini.yaml", "--config", *changes)
    done = checkout.snakemake("-n", "-p", *mini)
    assert planned(done)["train"] == 2 * 2 * 2 * 3
    assert '"learning_rate": 0.0005' in done.stdout and '"generations": 7' in done.stdout
    assert "--out results/elsewhere/rlvr/" in done.stdout
    done = rlvf(checkout, "why", *mini)
    assert done.returncode == 0 and not done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config", "results=my results"], "results: 'my results' is no folder's path"),
        (["--config", "cache=~/cache"], "cache: '~/cache' is no folder's path"),
        (
            ["--configfile", "config/mini.yaml", "twice.yaml"],
            "twice.yaml:3: .*'seeds' stands twice",
        ),
        (["--directory", "docs"], "has to be started in the checkout, the folder of the Snakefile"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(checkout, arguments, message):
    (checkout.folder / "docs").mkdir()
    (checkout.folder / "twice.yaml").write_text("studies:\n  rlvr: {seeds: [1],\n    seeds: [2]}\n")
    done = checkout.snakemake("--profile", "mini", *arguments)
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if re.search(message, line)], done.stderr
    assert "Traceback" not in done.stderr
    assert not (checkout.folder / "results").exists()


def test_a_profile_is_found_from_elsewhere_and_says_where_to_start(checkout, tmp_path_factory):
    options = ["-n", "-s", checkout.folder / "Snakefile", "--profile", checkout.folder / "mini"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *options],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "started in the checkout, the folder of the Snakefile" in done.stderr
    assert f"cd {checkout.folder}" in done.stderr


def test_large_inputs_are_compared_by_content_too(checkout):
    tasks = checkout.folder / "results/mini/rlvr/tasks/test.jsonl"
    control = "results/mini/rlvr/none/reference/seed0/greedy/completions.jsonl"
    assert (
        checkout.snakemake("--profile", "mini", "results/mini/rlvr/tasks/test.jsonl").returncode
        == 0
    )
    tasks.write_text(tasks.read_text().replace("{", "{" + " " * 2 * 10**6, 1))
    assert checkout.snakemake("--profile", "mini", control).returncode == 0
    tasks.touch()
    done = checkout.snakemake("-n", "--profile", "mini", control)
    assert "Nothing to be done" in done.stdout + done.stderr
    tasks.write_text(tasks.read_text().replace("{ ", "{", 1))
    assert planned(checkout.snakemake("-n", "--profile", "mini", control))["control"] == 1
