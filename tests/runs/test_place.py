"""Where a stage ran, by its log."""

import socket
import subprocess
import sys

import torch

from rlvf.runs.place import Place, place_line, read_place


def test_a_stage_says_where_it_ran_in_the_last_line_of_its_log(tmp_path):
    command = [sys.executable, "-m", "rlvf.cli", "tasks", "--benchmark", "minimbpp"]
    command += ["--split", "test", "--limit", "2", "--out", tmp_path / "tasks.jsonl"]
    with open(tmp_path / "log", "w") as log:
        subprocess.run(command, stderr=log, check=True)
    assert (tmp_path / "log").read_text().splitlines()[-1].startswith("rlvf tasks: ran on {")
    place = read_place(tmp_path / "log")
    assert place.host == socket.gethostname()
    assert (place.torch, place.gpu) == (None, None)


def test_torch_and_the_gpu_are_named_where_they_were_used(tmp_path):
    (tmp_path / "log").write_text(place_line("train") + "\n")
    place = read_place(tmp_path / "log")
    assert place.torch == torch.__version__
    used = torch.cuda.is_initialized()
    assert place.gpu == (torch.cuda.get_device_name() if used else None)


def test_the_last_of_several_attempts_counts(tmp_path):
    first = Place(host="node1", system="Linux", python="3.11", torch=None, gpu="NVIDIA H100")
    second = first.model_copy(update={"host": "node2"})
    lines = [f"rlvf train: ran on {place.model_dump_json()}\n" for place in (first, second)]
    (tmp_path / "log").write_text("train: 1/2\n".join(lines))
    assert read_place(tmp_path / "log") == second


def test_other_logs_say_nothing_of_it(tmp_path):
    (tmp_path / "log").write_text('rlvf train: ran on {"host": 1}\n')
    assert read_place(tmp_path / "log") is None
    assert read_place(tmp_path / "none") is None
