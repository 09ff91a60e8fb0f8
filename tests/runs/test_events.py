"""What is made of events and of Slurm's answers, where no Slurm is needed to see it."""

import os
import socket

import pytest

from rlvf.errors import RlvfError
from rlvf.runs.events import (
    Begun,
    Done,
    Ended,
    EventFile,
    Failed,
    Planned,
    PlannedJob,
    Retried,
    Submitted,
    latest_run,
    read_events,
)
from rlvf.runs.run import Run, last_words
from rlvf.runs.squeue import SlurmJob, slurm_jobs
from rlvf.runs.status import status, summary

# As a real squeue 22.05 wrote them: preempted, put back and running again, waiting.
_SQUEUE = """\
6                   FAILED              NonZeroExitCode                                             vm                                                                                                                      0         10:00               0:12                1000M               2026-11-21T11:22:57      gres:gpu:1                                                  N/A                                                         
4                   RUNNING             None                                                        vm                                                                                                                      1         1-10:00:00          0:10                1000M               N/A                      N/A                                                         gres:gpu:a100:2                                             
9                   PENDING             Resources                                                                                                                                                                           0         UNLIMITED           0:00                0                   N/A                      N/A                                                         N/A                                                         
"""  # noqa: E501, W291


def slurm_job(state, **known):
    given = {"reason": "None", "node": "vm", "restarts": 0, "preempted": False, "gpus": ""}
    given |= {"id": "7", "limit": 600, "used": 10, "memory": "500M"} | known
    return SlurmJob(state=state, **given)


def plan():
    """A training, then a group of three jobs, then tables."""
    rules = [("train", []), ("execute", [0]), ("lint", [0]), ("measure", [1, 2]), ("tables", [3])]
    return Planned(
        time=1000.0,
        host=socket.gethostname(),
        pid=os.getpid(),
        command="snakemake --profile slurm",
        slurm="5e1f",
        jobs=[
            PlannedJob(
                id=number,
                rule=rule,
                wildcards={} if rule == "tables" else {"model": "qwen", "seed": "1"},
                needs=needs,
                logs=[f"logs/{rule}.log"],
                local=rule == "tables",
            )
            for number, (rule, needs) in enumerate(rules)
        ],
    )


def group_attempt(slurm):
    begun = [Begun(time=1100.0, job=job) for job in (1, 2, 3)]
    log = f"/somewhere/{slurm}.log"
    return [*begun, Submitted(time=1101.0, jobs=[1, 2, 3], slurm=slurm, log=log)]


TRAINED = [Begun(time=1001.0, job=0), Done(time=1090.0, job=0, slurm=None)]


def group_failure(culprit, **known):
    return Failed(time=1200.0, jobs=[1, 2, 3], culprit=culprit, words="out of luck", **known)


def test_a_group_that_failed_is_named_by_the_job_that_did():
    events = [plan(), *TRAINED, *group_attempt("7"), group_failure(1, slurm=None)]
    assert summary(Run([*events, Ended(time=1300.0)])) == (
        "rlvf: 1 of 5 steps done in 5 min; 1 failed, 3 stopped, 0 retried\n\n"
        "Failed:\n"
        "  execute qwen/seed1: error in attempt 1\n"
        "    out of luck\n"
        "    log: logs/execute.log\n"
        "    Slurm's log: /somewhere/7.log\n"
        "    stopped because of it: 3 jobs"
    )


def test_a_group_that_was_retried_stands_once_with_what_each_attempt_was_given():
    failed = group_failure(None, slurm=slurm_job("TIMEOUT"))
    retried = [Retried(time=1201.0, jobs=[1, 2, 3]), *group_attempt("8")]
    given = slurm_job("COMPLETED", id="8", limit=1200, memory="1000M")
    done = [Done(time=1300.0, job=job, slurm=given) for job in (1, 2, 3)]
    assert summary(Run([plan(), *TRAINED, *group_attempt("7"), failed, *retried, *done])).endswith(
        "Retried:\n"
        "  execute + lint + measure qwen/seed1\n"
        "    attempt 1 (10 min, 500M): time limit\n"
        "    attempt 2 (20 min, 1000M): done"
    )


@pytest.mark.parametrize(
    ("slurm", "words", "cause"),
    [
        (slurm_job("TIMEOUT"), "", "time limit"),
        (slurm_job("OUT_OF_MEMORY"), "", "out of memory"),
        (slurm_job("NODE_FAIL"), "", "node failed"),
        (slurm_job("CANCELLED"), "", "cancelled"),
        (slurm_job("FAILED", preempted=True), "stopped by SIGTERM after step 3", "preempted"),
        (slurm_job("FAILED"), "stopped by SIGTERM", "time limit, stopped ahead of it"),
        (slurm_job("FAILED"), "no such model", "error"),
        (None, "no such model", "error"),
    ],
)
def test_the_cause_is_what_slurm_and_the_log_say_together(slurm, words, cause):
    failed = Failed(time=1100.0, jobs=[0], culprit=0, words=words, slurm=slurm)
    run = Run([plan(), Begun(time=1001.0, job=0), failed])
    assert run.attempts("failed")[0].cause == cause


def test_an_interrupted_run_has_stopped_jobs_but_no_failures():
    run = Run([plan(), Begun(time=1001.0, job=0), Ended(time=1002.0)])
    assert {job.state for job in run.jobs.values()} == {"stopped"}
    assert summary(run) == ("rlvf: 0 of 5 steps done in 2 s; 0 failed, 5 stopped, 0 retried")


def test_what_slurm_has_queued_and_what_it_runs_is_told_apart(tmp_path, monkeypatch):
    put_squeue(tmp_path, monkeypatch, _SQUEUE)
    submitted = Submitted(time=1002.0, jobs=[0], slurm="4", log="4.log")
    waiting = [*TRAINED, *group_attempt("9")]
    for events, expected in (
        (
            [Begun(time=1001.0, job=0), submitted],
            "Running:\n  train qwen/seed1: 10 s on vm, 2 GPUs (a100) (Slurm job 4, put back once",
        ),
        (waiting, "Queued:\n  execute + lint + measure qwen/seed1: "),
        (waiting, ", Resources (Slurm job 9)"),
    ):
        run = Run([plan(), *events])
        run.ask_slurm()
        assert expected in status(run)


def put_squeue(folder, monkeypatch, answer):
    """A squeue with a recorded answer, since a real one needs a cluster (tests/slurm has one)."""
    (folder / "answer").write_text(answer)
    (folder / "squeue").write_text(f"#!/bin/sh\ncat {folder}/answer\n")
    (folder / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_squeue_is_read_by_its_columns(tmp_path, monkeypatch):
    put_squeue(tmp_path, monkeypatch, _SQUEUE)
    jobs = slurm_jobs()
    assert jobs["6"] == slurm_job(
        "FAILED",
        id="6",
        reason="NonZeroExitCode",
        preempted=True,
        used=12,
        memory="1000M",
        gpus="1 GPU",
    )
    assert (jobs["4"].restarts, jobs["4"].limit) == (1, 34 * 3600)
    assert (jobs["9"].reason, jobs["9"].node, jobs["9"].limit) == ("Resources", "", None)


def test_without_slurm_nothing_is_known_of_its_jobs(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert slurm_jobs() == {}


def test_the_last_words_of_a_log_are_our_error_line_if_there_is_one(tmp_path):
    log = tmp_path / "train.log"
    assert last_words(log) == ""
    log.write_text("train: 3/10\nKilled\n\n")
    assert last_words(log) == "Killed"
    log.write_text("train: 3/10\nrlvf train: error: no GPU\nsome library says goodbye\n")
    assert last_words(log) == "rlvf train: error: no GPU"


def test_the_latest_run_is_read_while_it_is_written(tmp_path):
    EventFile(tmp_path).close()
    file = EventFile(tmp_path)
    file.write(plan())
    file.write(Begun(time=1001.0, job=0))
    with open(file.path, "a") as half:
        half.write('{"event": "do')
    assert latest_run(tmp_path) == file.path
    assert [event.event for event in read_events(file.path)] == ["planned", "begun"]


def test_a_line_that_is_no_event_is_named(tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_text(plan().model_dump_json() + '\n{"event": "danced"}\n')
    with pytest.raises(RlvfError, match=r"run\.jsonl:2: not an event of a run"):
        list(read_events(path))


def test_a_run_without_its_plan_has_only_just_begun(tmp_path):
    with pytest.raises(RlvfError, match="look again in a second"):
        Run([])
