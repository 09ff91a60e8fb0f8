"""What stands in the page: complete, once, and the same for equal inputs."""

import base64
import gzip
import json
import re

import pytest

from rlvf.analysis.explorer import write_explorer
from rlvf.analysis.explorer.data import collect
from rlvf.environments.program import Sample
from rlvf.errors import RlvfError

# Line breaks of other systems, characters of two units, what is no Python, no code at all.
ODD = [
    "Look:\r\n```python\r\ndef f():\r\n    return 1\r\n```\r\n",
    "```python\ndef f():  # 🐍🐍\n    return '𝒳'\n```",
    "```python\n\n\n\x00 'open $ ?\n\n```",
    "```python\n```",
]


def packed_in(path):
    """What the page's script will read."""
    data = re.search(r'id="data">([A-Za-z0-9+/=]+)</script>', path.read_text())[1]
    return json.loads(gzip.decompress(base64.b64decode(data)))


def records_of(data):
    """The records as the page puts them together, by task and slot."""
    for numbers in zip(*data["columns"].values(), strict=True):
        record = dict(zip(data["columns"], numbers, strict=True))
        entries = {name: data["tables"][name][record[name]] for name in data["tables"]}
        yield data["tasks"][record["task"]], entries


def written(entries):
    frame, code = entries["frame"], entries["code"]
    return code.join(frame) if len(frame) == 2 else frame[0]


def test_every_completion_is_there_as_it_was_written(tasks, study, explorer):
    given = {
        (sample.task_id, sample.model, sample.policy, sample.seed, sample.evaluation): completion
        for one in study
        for sample, completion in zip(one.samples, one.completions, strict=True)
    }
    found = list(records_of(packed_in(explorer)))
    assert len(found) == len(given) == 4 * 14
    for task, entries in found:
        model, policy, seed, evaluation, _ = entries["slot"]
        model = "none" if model == "control" else model
        completion = given[task["id"], model, policy, seed, evaluation]
        assert written(entries) == completion.completion
        assert entries["code"] + "\n" == completion.code


def test_verdicts_tests_and_findings_are_there(explorer):
    of_policy = {entries["slot"][1]: entries for _, entries in records_of(packed_in(explorer))}
    reference, wrong = of_policy["reference"], of_policy["gspo-ruff"]
    assert reference["outcome"][:2] == ["passed", None]
    assert reference["results"] == [["passed", False]] * 3 and reference["findings"] == []
    assert wrong["outcome"][:2] == ["runtime_error", "NameError"]
    base = next(e for _, e in records_of(packed_in(explorer)) if e["slot"][1] == "base")
    assert [finding[:3] for finding in base["findings"]] == [["F401", "error", 1]]


def test_odd_texts_come_through(tasks, evaluate, cells):
    data = collect(cells, [evaluate(tasks, ODD, "base")])
    entries = [entries for _, entries in records_of(data)]
    assert [written(one) for one in entries] == ODD
    assert entries[0]["code"] == "def f():\n    return 1"
    assert entries[3]["code"] is None


def test_colours_cover_the_code_as_javascript_counts(tasks, evaluate, cells):
    data = collect(cells, [evaluate(tasks, ODD, "base")])
    for code, marks in zip(data["tables"]["code"], data["marks"], strict=True):
        units = len((code or "").encode("utf-16-le")) // 2
        assert sum(int(length) for length in re.findall(r"\d+", marks)) == units
    assert (
        dict(zip(data["tables"]["code"], data["marks"], strict=True))["def f():\n    return 1"]
        == "k3.1f1.8k6.1n1"
    )


def test_what_repeats_stands_once_and_in_the_order_of_the_tables(tasks, explorer):
    data = packed_in(explorer)
    # Each task's reference, the same with an import; and two texts for all tasks.
    assert len(data["tables"]["code"]) == 2 * len(tasks) + 2
    assert [slot[:4] for slot in data["tables"]["slot"]][:5] == [
        ["control", "reference", 0, "greedy"],
        ["mini-llama", "base", 1, "greedy"],
        ["mini-llama", "base", 2, "greedy"],
        ["mini-llama", "grpo-tests", 1, "greedy"],
        ["mini-llama", "grpo-tests", 2, "greedy"],
    ]
    assert data["columns"]["task"] == sorted(data["columns"]["task"])


def test_equal_inputs_in_any_order_make_an_identical_page(tasks, study, explorer, tmp_path, cells):
    write_explorer(cells, reversed(study), "mini", tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == explorer.read_bytes()


def test_the_scale_is_written_on_the_page(tasks, study, explorer, tmp_path, cells):
    write_explorer(cells, study, "paper", tmp_path / "paper.html")
    assert "not comparable with the paper&#39;s numbers" in explorer.read_text()
    assert "not comparable" not in (tmp_path / "paper.html").read_text()


def test_reward_hacks_are_taken_from_samples(tasks, evaluate, cells):
    class Hacked(Sample):
        hacks: list[str]

    evaluated = evaluate(tasks[:1], [tasks[0].reference], "base")
    evaluated.samples[:] = [
        Hacked(**{**evaluated.samples[0].model_dump(), "hacks": ["stub", "exit"]})
    ]
    assert collect(cells, [evaluated])["tables"]["hacks"] == [("stub", "exit")]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda study, tasks: study.append(study[0]), "is given twice"),
        (lambda study, tasks: tasks.pop(), "is not in the tasks file"),
        (lambda study, tasks: study.clear(), "completions: there are none"),
        (lambda study, tasks: study[0].samples.pop(), "the samples the end; run `rlvf measure`"),
        (lambda study, tasks: study[0].executions.reverse(), "executions do not match"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(
    tasks, evaluate, tmp_path, spoil, message, cells
):
    tasks = list(tasks)
    study = [evaluate(tasks, [task.reference for task in tasks], "base")]
    spoil(study, tasks)
    with pytest.raises(RlvfError, match=message):
        write_explorer(cells, study, "mini", tmp_path / "page.html")
    assert not list(tmp_path.iterdir())
