"""What the environment of a process says changes nothing that it computes; nor does the place."""

import os
import shutil
import subprocess
import sys

import pytest

from rlvf.benchmarks import minimbpp
from rlvf.benchmarks.minimbpp import load
from rlvf.errors import RlvfError
from rlvf.models.environment import settle
from rlvf.records import write_jsonl
from rlvf.settings import to_json

# Of each kind some that change results, the device or the way of training, where they are heeded:
# half precision, a process group, FSDP, compilation, a device without numbers, other kernels.
HOSTILE = {
    "ACCELERATE_MIXED_PRECISION": "bf16",
    "ACCELERATE_USE_FSDP": "true",
    "ACCELERATE_DYNAMO_BACKEND": "EAGER",
    "ACCELERATE_TORCH_DEVICE": "meta",
    "RANK": "0",
    "LOCAL_RANK": "0",
    "WORLD_SIZE": "1",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "29500",
    "ATEN_CPU_CAPABILITY": "default",
    "MKL_CBWR": "COMPATIBLE",
    "OMP_NUM_THREADS": "3",
    "HF_HOME": "/nonexistent",
    "HF_TOKEN": "hf_not_for_jobs",
    "TRANSFORMERS_SDPA_FORCE_GQA": "1",
}
SMALL = {
    "generations": 1,
    "generation_batch_size": 8,
    "group_size": 4,
    "optimizer_steps_per_generation": 2,
    "micro_batch_size": 4,
    "max_completion_tokens": 12,
}
# `rlvf` with rewards that differ, which a model this small would not earn.
PROGRAM = """
import rlvf.rewards
rlvf.rewards.component_rewards = lambda rollouts, components: {
    name: [len(one.text) % 7 / 7 for one in rollouts] for name in components
}
from rlvf.cli import main
raise SystemExit(main())
"""


def rlvf(folder, environment, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def study(folder, environment, model, config):
    """Train and generate in a folder of its own; what the stages said."""
    folder.mkdir()
    shutil.copytree(model, folder / "model")
    write_jsonl(folder / "tasks.jsonl", load(minimbpp.Settings(), "train")[:4])
    settings = config.train_settings(config.cell("rlvr", "mini-qwen3", "grpo-ruff", 1))
    training = type(settings.training)(**(settings.training.model_dump() | SMALL))
    settings = settings.model_copy(update={"training": training})
    files = [part for name in ("log", "rollouts", "times") for part in (f"--{name}", name)]
    said = rlvf(
        folder,
        environment,
        *("train", "--model", folder / "model", "--tasks", "tasks.jsonl", "--workers", "1"),
        *("--settings", to_json(settings), *files, "--out", "adapters"),
    )
    cell = config.cell("rlvr", "mini-qwen3", "base", 1)
    settings = config.generate_settings(cell, config.evaluation_of(cell, "sampled"))
    decoding = settings.decoding.model_copy(update={"max_completion_tokens": 12})
    settings = settings.model_copy(update={"decoding": decoding})
    rlvf(
        folder,
        environment,
        *("generate", "--model", "model", "--adapter", "adapters/final", "--tasks", "tasks.jsonl"),
        *("--settings", to_json(settings), "--out", "completions"),
    )
    return said


def test_equal_studies_in_other_places_and_environments_give_equal_bytes(
    tiny_model, mini_config, tmp_path
):
    one, two = tmp_path / "one", tmp_path / "another place"
    study(one, {}, tiny_model, mini_config)
    said = study(two, HOSTILE, tiny_model, mini_config)
    files = [path.relative_to(one) for path in one.rglob("*") if path.is_file()]
    contents = {path: ((one / path).read_bytes(), (two / path).read_bytes()) for path in files}
    assert {str(path) for path, (a, b) in contents.items() if a != b} == {"times"}
    place = str(tmp_path).encode()
    assert not any(place in a or place in b for a, b in contents.values())
    assert "set aside, so that they change nothing: ACCELERATE_DYNAMO_BACKEND, " in said


def test_what_is_no_librarys_stays():
    environment = {"PATH": "/bin", "SLURM_JOB_ID": "7", "PYTORCH_CUDA_ALLOC_CONF": "x:y"}
    settled = dict(environment)
    settle(settled)
    assert settled.items() >= environment.items()


@pytest.mark.parametrize(
    ("visible", "used"),
    [(None, "0"), ("2,3", "2"), ("3", "3"), ("", ""), ("GPU-ab,GPU-cd", "GPU-ab")],
)
def test_of_several_gpus_one_is_used(visible, used):
    environment = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    settle(environment)
    assert environment["CUDA_VISIBLE_DEVICES"] == used


@pytest.mark.parametrize("name", ["WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE"])
def test_one_of_several_processes_is_refused(name):
    with pytest.raises(RlvfError, match=f"{name} is 2: a stage runs in one process; start it "):
        settle({name: "2"})
