"""What several tests share: real settings, tiny models, the real MBPP where it is given."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from rlvf.config import Config, load_config
from rlvf.records import TrainingStep, TrainingStepTimes
from tests.hub import Hub

REPOSITORY = Path(__file__).resolve().parents[1]

# What the tests and the programs that they start take over of the environment; all other variables
# (of a user, a cluster's job, a CI runner) are not meant for them.
_KEPT = {"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"}
_KEPT |= {"CI", "VIRTUAL_ENV", "PYTHONPATH"}
_KEPT_PREFIXES = ("PYTEST_", "RLVF_")
# Python ignores them itself, but not in the programs that it starts.
_PYTHON_IGNORES = {signal.SIGPIPE, signal.SIGXFSZ}


def _inherit_nothing_else() -> None:
    """Signals as a shell gives them to a program in its foreground (nohup, cron and others hand on
    ignored and blocked ones), the usual rights of new files, and few variables."""
    for number in signal.valid_signals() - _PYTHON_IGNORES:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.umask(0o022)
    for name in set(os.environ) - _KEPT:
        if not name.startswith(_KEPT_PREFIXES) or name == "RLVF_SITE":
            del os.environ[name]
    os.environ["LC_ALL"] = "C.UTF-8"


# When this is imported, in each of pytest's processes: before all tests and fixtures.
_inherit_nothing_else()


@pytest.fixture(scope="session")
def paper_config() -> Config:
    return load_config(REPOSITORY / "config.yaml")


@pytest.fixture(scope="session")
def mini_config() -> Config:
    return load_config(REPOSITORY / "config.yaml", REPOSITORY / "config" / "mini.yaml")


@pytest.fixture(scope="session")
def mbpp_path() -> Path:
    """The publisher's mbpp.jsonl, which this repository does not contain."""
    given = os.environ.get("RLVF_MBPP")
    if given is None:
        skip_or_fail("needs the real MBPP: RLVF_MBPP=/path/to/mbpp.jsonl make test")
    return Path(given)


def skip_or_fail(message: str) -> NoReturn:
    """Where something is missing: in CI nothing may be, elsewhere say how to run the test."""
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        skip_or_fail("needs the right to mount a small file system: run the tests as root")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.fixture
def hub() -> Iterator[Hub]:
    """An empty hub on this machine."""
    with Hub().serving() as served:
        yield served


@pytest.fixture(scope="session")
def tiny_models(mini_config, tmp_path_factory) -> dict[str, Path]:
    """By architecture: models of a few thousand parameters, pretrained by the real code."""
    from rlvf.models.mini import pretrain

    folder = tmp_path_factory.mktemp("models")
    for architecture in ("qwen3", "llama"):
        pretrain(tiny_pretrain_settings(mini_config, architecture), folder / architecture)
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture(scope="session")
def tiny_model(tiny_models) -> Path:
    return tiny_models["qwen3"]


def tiny_pretrain_settings(config: Config, architecture: str):
    settings = config.pretrain_settings(f"mini-{architecture}")
    shape = {"hidden_size": 32, "layers": 1, "heads": 2, "kv_heads": 1, "intermediate_size": 64}
    model = settings.model.model_copy(update={**shape, "steps": 4, "batch_size": 8})
    return settings.model_copy(update={"model": model})


@pytest.fixture(scope="session")
def steps():
    def step(policy, seed, number):
        first = number % 2 == 0
        return TrainingStep(
            study="rlvr",
            model="mini-qwen3",
            policy=policy,
            seed=seed,
            step=number,
            generation=number // 2,
            learning_rate=1e-3,
            loss=0.0,
            grad_norm=1.0,
            entropy=0.5,
            kl=None,
            clip_fraction=0.0,
            reward=0.5 if first else None,
            reward_std=0.1 if first else None,
            rewards={"tests": 0.5 if first else None},
            completion_length=20.0 if first else None,
            completion_tokens=320 if first else None,
            truncated_fraction=0.0 if first else None,
        )

    return [step("grpo-tests", seed, number) for seed in (0, 1) for number in range(4)]


@pytest.fixture(scope="session")
def times(steps):
    """Of those steps."""
    return [
        TrainingStepTimes(
            **{name: getattr(step, name) for name in ("study", "model", "policy", "seed")},
            step=step.step,
            generation=step.generation,
            generation_seconds=2.0 if step.reward is not None else None,
            reward_seconds=1.0 if step.reward is not None else None,
            update_seconds=0.5,
            memory_mb=500.0 + step.step,
            gpu_memory_mb=None,
        )
        for step in steps
    ]
