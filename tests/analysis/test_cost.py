import csv
import json

from rlvf.analysis.cost import NUMBERS, write_cost


def test_costs_are_summed_over_a_run(steps, tmp_path):
    write_cost(steps, tmp_path, "mini")
    with open(tmp_path / "cost.csv", encoding="utf-8", newline="") as file:
        row = next(csv.DictReader(file))
    # Two generations of 2 s and 1 s, four steps of 0.5 s.
    assert (row["generations"], row["optimizer_steps"]) == ("2", "4")
    assert float(row["total_seconds"]) == 2 * 2 + 2 * 1 + 4 * 0.5
    numbers = json.loads((tmp_path / NUMBERS).read_text(encoding="utf-8"))
    assert numbers["runs"] == 2 and numbers["optimizer_steps"] == 8


def test_a_study_without_training_costs_nothing(tmp_path):
    write_cost([], tmp_path, "mini")
    assert json.loads((tmp_path / NUMBERS).read_text(encoding="utf-8"))["runs"] == 0
