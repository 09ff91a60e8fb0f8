import csv

import pytest

from rlvf.errors import RlvfError
from rlvf.runs.usage import read_jobs, write_usage

CELL = {"study": "rlvr", "model": "mini-qwen3", "policy": "grpo-tests", "seed": "0"}


@pytest.fixture
def usage(tmp_path):
    """What is shown of the benchmark files written so far."""

    def show(times=()):
        return write_usage(read_jobs(tmp_path / "usage"), times, tmp_path)

    return show


def line(text, start):
    """The only line that begins so, in words and numbers."""
    (found,) = [line for line in text.splitlines() if line.startswith(start)]
    return " ".join(found.split())


def test_a_rule_is_shown_by_its_longest_and_its_largest_job(write_record, usage):
    asked = {"runtime": 120, "mem_mb": 2000}
    write_record("generate", 3600, 1100, resources=asked, decoding="greedy", **CELL)
    write_record("generate", 5400, 1000, resources=asked, decoding="sampled", **CELL)
    assert line(usage(), "| generate") == (
        "| generate | 2 | 1.5 h | 2 h | 1100 | 2000 | 0.5 | 1 | – | – | – |"
    )
    assert "ask for" not in usage()


def test_who_used_less_than_half_is_told_what_to_ask_for(write_record, usage):
    write_record("train", 6000, 7000, resources={"runtime": 720, "mem_mb": 32000}, **CELL)
    # A quarter more than 100 minutes, and than 7000 MB with 150 MB for Snakemake.
    assert line(usage(), "- train") == (
        "- train: took 1.7 h of 12 h, ask for about 125 minutes; "
        "used 7000 of 32000 MB, ask for about 8900 MB"
    )


def test_who_came_close_to_the_limit_is_told_to_ask_for_more(write_record, usage):
    write_record("train", 57 * 60, 950, resources={"runtime": 60, "mem_mb": 1000}, **CELL)
    assert line(usage(), "- train") == (
        "- train: took 57 min of 1 h, ask for more, about 90 minutes; "
        "used 950 of 1000 MB, ask for more, about 1600 MB"
    )


def test_small_requests_are_not_worth_cutting(write_record, usage):
    write_record("lint", 3, 60, resources={"runtime": 30, "mem_mb": 1000}, **CELL)
    assert "- lint" not in usage()


def test_the_memory_of_a_job_of_a_moment_is_not_known(write_record, usage):
    write_record("lint", 0.3, 3, resources={"mem_mb": 4000}, **CELL)
    write_record("measure", 30, "NA", resources={"mem_mb": 4000}, **CELL)
    assert "| – | 4000 |" in line(usage(), "| lint")
    assert "| – | 4000 |" in line(usage(), "| measure")
    assert "ask for" not in usage()


def test_a_job_that_ran_twice_counts_its_last_run(write_record, usage):
    write_record("train", 6000, **CELL)
    write_record("train", 60, **CELL)
    assert "| train | 1 | 1 min |" in line(usage(), "| train")


def test_the_gpu_is_judged_by_the_trainings_times(write_record, usage, times):
    write_record("train", 6000, resources={"gpu": 1}, **CELL)
    measured = [one.model_copy(update={"gpu_memory_mb": 9000.0 + one.step}) for one in times]
    text = usage(measured)
    # Two generations of 2 s, two rewards of 1 s, four steps of 0.5 s.
    assert line(text, "| train").endswith("| 1 | 9003 | 25 |")
    assert line(text, "- train") == (
        "- train: used 9003 MB of GPU memory, a GPU of 12 GB is enough; "
        "the GPU waits for rewards 25% of the time, ask for more cpus"
    )


def test_without_a_gpu_nothing_is_said_of_it(write_record, usage, times):
    write_record("train", 6000, **CELL)
    assert "GPU of" not in usage(times) and "waits" not in usage(times)


def test_cells_and_jobs_stand_in_the_files(write_record, usage, tmp_path):
    write_record("train", 600, 700, resources={"runtime": 60, "mem_mb": 2000}, **CELL)
    write_record("lint", 60, 300, resources={"runtime": 30, "mem_mb": 1000}, **CELL)
    write_record("study_tables", 5, study="rlvr")
    usage()
    cell = line((tmp_path / "usage.md").read_text(encoding="utf-8"), "| rlvr")
    assert cell.startswith("| rlvr | mini-qwen3 | grpo-tests | 0 | 2 | 11 min | 1.5 h | 700 | 2000")
    with open(tmp_path / "usage.csv", encoding="utf-8", newline="") as file:
        rows = {row["rule"]: row for row in csv.DictReader(file)}
    assert rows.keys() == {"train", "lint", "study_tables"}
    assert rows["train"]["seconds"] == "600.0" and rows["train"]["runtime_asked_minutes"] == "60"
    assert rows["study_tables"]["model"] == ""


def test_files_that_do_not_say_what_was_asked_for_are_left_out(write_record, usage, tmp_path):
    write_record("train", **CELL)
    (tmp_path / "usage" / "plain.jsonl").write_text('{"s": 1.0, "max_rss": 3.0}\n')
    assert "| train | 1 |" in line(usage(), "| train")


def test_nothing_to_show_says_what_to_do(usage, tmp_path):
    with pytest.raises(RlvfError, match="run Snakemake with --benchmark-extended"):
        usage()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text", ["", "{", '{"rule_name": "train"}\n', '{"rule_name": 1, "s": []}\n']
)
def test_a_file_of_something_else_is_named(usage, tmp_path, text):
    path = tmp_path / "usage" / "bad.jsonl"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(RlvfError, match=r"bad\.jsonl: not a record of a job by Snakemake"):
        usage()
