"""What a dry run of the real Snakemake says of each job, in a workflow of three rules."""

import shutil
import subprocess
import sys

import pytest

from rlvf.errors import RlvfError
from rlvf.runs.dry_run import dry_run
from tests.sandbox.processes import wait_until

_RULES = """
from snakemake_logger_plugin_rlvf import attach

attach(workflow)

rule all:
    input: "samples"

rule train:
    input: "tasks"
    output: "adapter"
    params: settings="one"
    shell: "echo > {output}; while [ -e wait ]; do sleep 0.1; done"

rule measure:
    input: "adapter", "notes"
    output: "samples"
    shell: "echo > {output}"
"""


def write(folder):
    for name, text in (("Snakefile", _RULES), ("tasks", "1"), ("notes", "1")):
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the workflow lies, and where we are."""
    monkeypatch.chdir(tmp_path)
    return write(tmp_path)


@pytest.fixture(scope="module")
def run_once(tmp_path_factory):
    folder = write(tmp_path_factory.mktemp("made"))
    subprocess.run([sys.executable, "-m", "snakemake", "--cores", "1"], cwd=folder, check=True)
    return folder


@pytest.fixture
def made(run_once, tmp_path, monkeypatch):
    """Likewise, with everything made."""
    shutil.copytree(run_once, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def found(*arguments):
    """By rule, what is told of its job."""
    return {one.job.rule: one for one in dry_run(arguments).jobs}


def test_a_first_run_makes_what_was_never_made(folder):
    jobs = found()
    assert [(name, one.recorded, one.missing) for name, one in sorted(jobs.items())] == [
        ("measure", False, ["samples"]),
        ("train", False, ["adapter"]),
    ]
    assert jobs["measure"].job.needs == [jobs["train"].job.id]


def test_there_is_nothing_to_tell_where_nothing_changed(made):
    run = dry_run([])
    assert (run.jobs, len(run.dag), run.unrecorded) == ([], 2, 0)


def test_a_changed_input_is_found_in_a_job_that_runs_in_any_case(made):
    (made / "tasks").write_text("2")
    (made / "notes").write_text("2")
    jobs = found()
    assert jobs["train"].changed == ["tasks"]
    # Not the adapter, which will be made again.
    assert jobs["measure"].changed == ["notes"]


def test_an_input_that_was_only_touched_is_no_change(made):
    (made / "notes").touch()
    assert found() == {}


def test_parameters_are_those_that_differ(made):
    edit(made / "Snakefile", '"one"', '"two"')
    train = found()["train"]
    assert (train.params_before, train.params_now) == (["'one'"], ["'two'"])


def test_another_command_is_found_in_its_file(made):
    edit(made / "Snakefile", 'shell: "echo > {output}"', 'shell: "echo 1 > {output}"')
    jobs = found()
    assert list(jobs) == ["measure"] and jobs["measure"].command == str(made / "Snakefile")


def test_inputs_that_came_and_went_are_named(made):
    (made / "more").touch()
    edit(made / "Snakefile", '"adapter", "notes"', '"adapter", "more"')
    measure = found()["measure"]
    assert (measure.inputs_added, measure.inputs_removed) == (["more"], ["notes"])


def test_only_the_triggers_that_snakemake_is_given_count(made):
    edit(made / "Snakefile", '"one"', '"two"')
    assert found("--rerun-triggers", "mtime") == {}


def test_what_is_forced_is_told(made):
    assert found("--forcerun", "measure")["measure"].forced


def test_an_output_that_a_killed_run_left_is_incomplete(folder):
    (folder / "wait").touch()
    with subprocess.Popen([sys.executable, "-m", "snakemake", "--cores", "1", "--nolock"]) as run:
        # Snakemake marks it when the job has just begun.
        marks = folder / ".snakemake" / "incomplete"
        wait_until(lambda: (folder / "adapter").exists() and [*marks.glob("*")], seconds=60)
        run.kill()
    (folder / "wait").unlink()
    train = found("--rerun-incomplete")["train"]
    assert train.incomplete == ["adapter"] and not train.forced
    with pytest.raises(RlvfError, match="Incomplete files: adapter"):
        dry_run([])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "No rule to produce nothing"),
        (["--nonsense"], "error: unrecognized arguments: --nonsense"),
        (["--profile", "nowhere"], r"profile directory given \(nowhere\)"),
    ],
)
def test_what_snakemake_refuses_is_passed_on_in_one_line(folder, arguments, said):
    with pytest.raises(RlvfError, match=said) as error:
        dry_run(arguments)
    assert "\n" not in str(error.value) and "usage" not in str(error.value)
