"""A run that is interrupted and gone on with ends as if nothing had happened."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rlvf.benchmarks import minimbpp
from rlvf.benchmarks.minimbpp import load
from rlvf.checking import Checker
from rlvf.errors import RlvfError
from rlvf.records import TrainingStepTimes, read_jsonl, write_jsonl
from rlvf.settings import to_json
from rlvf.training import run as training
from rlvf.training.checkpoints import Checkpoints, StopRequest, run_identity
from tests.sandbox.processes import wait_until

# Four prompts for each generation: an epoch has two, the run five.
TASKS = load(minimbpp.Settings(), "train")[:8]
SMALL = {
    "generations": 5,
    "generation_batch_size": 16,
    "group_size": 4,
    "optimizer_steps_per_generation": 2,
    "micro_batch_size": 4,
    "max_completion_tokens": 12,
    "warmup_steps": 3,
    "lr_scheduler": "constant_with_warmup",
    "keep_every": 2,
}
# By the options of `rlvf train`, in the order of `train`.
FILES = {
    "--out": "adapters",
    "--log": "train.jsonl",
    "--rollouts": "rollouts.jsonl",
    "--times": "train-times.jsonl",
}


@pytest.fixture
def settings(mini_config):
    found = mini_config.train_settings(mini_config.cell("rlvr", "mini-qwen3", "gspo-ruff", 1))
    training = type(found.training)(**(found.training.model_dump() | SMALL))
    return found.model_copy(update={"training": training})


@pytest.fixture
def scored(monkeypatch):
    """Rewards that differ, which a model this small would not earn. `scored.then` is called after
    each completion with their number."""

    class Scored:
        count = 0
        then = staticmethod(lambda count: None)

    def by_length(rollouts, components):
        Scored.count += len(rollouts)
        Scored.then(Scored.count)
        return {name: [len(one.text) % 7 / 7 for one in rollouts] for name in components}

    monkeypatch.setattr(training, "component_rewards", by_length)
    return Scored


@pytest.fixture
def run(tiny_model, settings, tmp_path):
    def run(name, checkpoints=None, stop=None, settings=settings):
        out = tmp_path / name
        with Checker(settings.sandbox, settings.lint, workers=1) as checker:
            made = training.Products(*(out / name for name in FILES.values()))
            training.train(tiny_model, TASKS, settings, checker, made, None, checkpoints, stop)
        return products(out)

    return run


def products(out):
    """What a run leaves, and which steps it has times of."""
    adapters = sorted(path for path in (out / FILES["--out"]).rglob("*") if path.is_file())
    files = [*adapters, out / FILES["--log"], out / FILES["--rollouts"]]
    times = read_jsonl(out / FILES["--times"], TrainingStepTimes)
    contents = {str(path.relative_to(out)): path.read_bytes() for path in files}
    return contents, [one.step for one in times]


@pytest.fixture
def opened(tmp_path):
    """The folder of checkpoints, as a run opens it."""
    return lambda every=1, identity=None: Checkpoints(
        tmp_path / "checkpoints", every, identity or {}
    )


@pytest.fixture(scope="module")
def kept():
    return {}


@pytest.fixture
def undisturbed(run, scored, kept):
    """Made once for all tests: it takes long, and is the same each time."""
    if not kept:
        kept["run"] = run("undisturbed")
    return kept["run"]


def test_a_run_that_is_stopped_in_every_generation_ends_like_one_that_is_not(
    run, scored, undisturbed, opened, tmp_path
):
    """Each stop falls between the two optimiser steps that use one generation."""
    for generation in range(1, 6):
        stop = StopRequest()
        scored.then = lambda count, stop=stop: setattr(stop, "reason", "SIGTERM")
        message = f"stopped by SIGTERM after step {2 * generation - 1} "
        with opened(every=100) as checkpoints, pytest.raises(RlvfError, match=message):
            run("stopped", checkpoints, stop)
        assert not (tmp_path / "stopped" / "train.jsonl").exists()
        (kept,) = (tmp_path / "checkpoints").glob("step-*")
        assert kept.name == f"step-{2 * generation - 1}"
    scored.then = lambda count: None
    with opened(every=100) as checkpoints:
        assert run("stopped", checkpoints) == undisturbed
    assert sorted(path.name for path in tmp_path.iterdir() if "check" in path.name) == []


@pytest.mark.parametrize("every", [1, 2, 3])
def test_a_run_that_dies_goes_on_from_the_last_interval(
    run, scored, undisturbed, opened, every, tmp_path
):
    """Between epochs as well as within them."""

    def die(count):
        if count > 3 * 16:
            raise MemoryError("the fourth generation")

    scored.count, scored.then = 0, die
    with opened(every) as checkpoints, pytest.raises(MemoryError):
        run("died", checkpoints)
    (kept,) = (tmp_path / "checkpoints").glob("step-*")
    assert kept.name == f"step-{2 * every * (3 // every)}"
    scored.then = lambda count: None
    with opened(every) as checkpoints:
        assert run("died", checkpoints) == undisturbed


def test_checkpoints_of_another_run_are_not_used(opened, tmp_path, capsys):
    made = tmp_path / "made"
    for identity, expected in (
        ({"code": "1"}, None),
        ({"code": "1"}, "step-3"),
        ({"a": "2"}, None),
    ):
        with opened(identity=identity) as checkpoints:
            latest = checkpoints.latest()
            assert (latest and latest.name) == expected
            if latest is None:
                made.mkdir()
                checkpoints.complete(made, 3)
    assert "other settings, tasks, model or code" in capsys.readouterr().err


def test_a_checkpoint_that_was_not_finished_is_not_used(opened):
    with opened() as checkpoints:
        (checkpoints.partial / "checkpoint-7").mkdir(parents=True)
    with opened() as checkpoints:
        assert checkpoints.latest() is None
        assert not checkpoints.partial.exists()


def test_two_at_once_are_refused(opened):
    with opened(), pytest.raises(RlvfError, match="another process is training with it"):
        opened()


def test_settings_tasks_and_model_make_a_run(tiny_model, settings, tmp_path):
    one = run_identity(tiny_model, TASKS, settings)
    assert one == run_identity(tiny_model, TASKS, settings)
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    cell = settings.cell.model_copy(update={"seed": 2})
    others = [
        run_identity(model, TASKS, settings),
        run_identity(tiny_model, TASKS[1:], settings),
        run_identity(tiny_model, TASKS, settings.model_copy(update={"cell": cell})),
    ]
    for other, part in zip(others, ("model", "tasks", "settings"), strict=True):
        assert {key for key in one if one[key] != other[key]} == {part}


# ---------------------------------------------------------------- the command, and real signals


@pytest.fixture
def command(tiny_model, settings, tmp_path):
    """`rlvf train` with checkpoints, in a process of its own."""
    tasks = tmp_path / "tasks.jsonl"
    write_jsonl(tasks, TASKS)
    training = settings.training.model_copy(update={"generations": 12})
    settings = settings.model_copy(update={"training": training})

    def command(out):
        places = [part for option, name in FILES.items() for part in (option, out / name)]
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "rlvf.cli", "train", "--model", tiny_model),
                *("--tasks", tasks, "--settings", to_json(settings), *places, "--workers", "1"),
                *("--checkpoints", out / "checkpoints", "--checkpoint-every", "1"),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )

    return command


def interrupt(command, out, number):
    """Start the command, send it a signal when it is well on its way, and await its end."""
    before = set(out.glob("checkpoints/step-*"))
    with command(out) as process:
        wait_until(lambda: set(out.glob("checkpoints/step-*")) - before, seconds=120)
        process.send_signal(number)
        errors = process.stderr.read()
    assert not (out / "adapters").exists()
    return process.returncode, errors


def test_the_same_command_goes_on_after_signals_and_sudden_death(command, tmp_path):
    with command(tmp_path / "undisturbed") as process:
        assert process.wait() == 0, process.stderr.read()
    out = tmp_path / "out"
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1, signal.SIGINT):
        status, errors = interrupt(command, out, number)
        if number == signal.SIGKILL:
            assert status == -signal.SIGKILL
        elif number == signal.SIGINT:
            assert status == 130
            assert "interrupted; the same command goes on from" in errors.splitlines()[-1]
            assert Path(errors.split()[-1]).is_dir()
        else:
            assert status == 1
            assert f"stopped by {number.name} after step" in errors.splitlines()[-1]
            assert "Traceback" not in errors
    with command(out) as process:
        assert process.wait() == 0, process.stderr.read()
    assert products(out) == products(tmp_path / "undisturbed")
    assert not (out / "checkpoints").exists()
