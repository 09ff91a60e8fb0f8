import csv
import json

import pytest

from rlvf.analysis.cost import NUMBERS, write_cost
from rlvf.errors import RlvfError


def rows(folder):
    with open(folder / "cost.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def numbers(folder):
    return json.loads((folder / NUMBERS).read_text(encoding="utf-8"))


def test_costs_are_summed_over_a_run(steps, times, tmp_path, cells):
    write_cost(cells, steps, times, tmp_path, "mini")
    row = rows(tmp_path)[0]
    # Two generations of 320 tokens, 2 s and 1 s, four steps of 0.5 s.
    assert (row["generations"], row["optimizer_steps"], row["tokens"]) == ("2", "4", "640")
    assert float(row["total_seconds"]) == 2 * 2 + 2 * 1 + 4 * 0.5
    assert float(row["tokens_per_second"]) == 640 / (2 * 2)
    found = numbers(tmp_path)
    assert (found["runs"], found["optimizer_steps"], found["tokens"]) == (2, 8, 2 * 640)


def test_of_memory_the_peak_counts(steps, times, tmp_path, cells):
    write_cost(cells, steps, times, tmp_path, "mini")
    assert (rows(tmp_path)[0]["memory_mb"], rows(tmp_path)[0]["gpu_memory_mb"]) == ("503.0", "")
    assert numbers(tmp_path)["peak"] == {"memory_mb": 503.0, "gpu_memory_mb": None}
    with_gpu = [one.model_copy(update={"gpu_memory_mb": 9000.0 - one.step}) for one in times]
    write_cost(cells, steps, with_gpu, tmp_path, "mini")
    assert numbers(tmp_path)["peak"]["gpu_memory_mb"] == 9000.0


def test_times_of_other_steps_are_refused(steps, times, tmp_path, cells):
    with pytest.raises(RlvfError, match="not of the same steps; give --logs and --times of"):
        write_cost(cells, steps, times[:-1], tmp_path, "mini")
    assert not list(tmp_path.iterdir())


def test_a_study_without_training_costs_nothing(tmp_path, cells):
    write_cost(cells, [], [], tmp_path, "mini")
    assert numbers(tmp_path)["runs"] == 0
