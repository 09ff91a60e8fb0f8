"""The tables of measures, and what reads them."""

import json
import re
from collections import defaultdict

import pytest

from rlvf.benchmarks import BENCHMARKS
from rlvf.environments import ENVIRONMENTS, measure_named, program, read_samples
from rlvf.errors import RlvfError
from rlvf.measures import pass_at_k
from tests.conftest import REPOSITORY


@pytest.mark.parametrize(
    ("n", "c", "k", "expected"),
    [
        (5, 2, 2, 0.7),  # 1 - C(3, 2) / C(5, 2) = 1 - 3 / 10
        (5, 2, 1, 0.4),
        (5, 0, 3, 0.0),
        (5, 3, 3, 1.0),  # only two fail, so any three hold a pass
        (4, 1, 2, 0.5),
    ],
)
def test_pass_at_k_by_hand(n, c, k, expected):
    assert pass_at_k(n, c, k) == pytest.approx(expected)


def test_every_measure_is_described():
    text = (REPOSITORY / "docs" / "measures.md").read_text()
    described = "".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE))
    for measure in program.MEASURES:
        ending = r"\w+`" if measure.is_family else "`"
        assert re.search(f"`{re.escape(measure.name)}{ending}", described), measure.name


def test_a_name_means_the_same_in_all_environments():
    kinds = defaultdict(set)
    for environment in ENVIRONMENTS.values():
        for measure in environment.MEASURES:
            kinds[measure.name].add((measure.unit, measure.of))
    assert all(len(found) == 1 for found in kinds.values())


@pytest.mark.parametrize(
    ("name", "title", "is_rate"),
    [
        ("tokens", "Tokens", False),
        ("pass@8", "pass@8", True),
        ("findings", "Findings", False),
        ("findings.error", "Error", False),
        ("verdict.wrong_answer", "Wrong answer", True),
        ("outcome.runtime_error:TypeError", "Runtime error:TypeError", True),
        ("rule.PIE790", "PIE790", False),
    ],
)
def test_a_measure_is_found_by_its_name(name, title, is_rate):
    measure = measure_named(name)
    assert (measure.title_of(name), measure.is_rate) == (title, is_rate)


def test_there_is_no_measure_of_any_name():
    with pytest.raises(KeyError):
        measure_named("findings_of_nobody")


def test_benchmarks_name_environments():
    assert {module.ENVIRONMENT for module in BENCHMARKS.values()} <= ENVIRONMENTS.keys()


def test_samples_of_no_environment_are_refused(tmp_path):
    path = tmp_path / "samples.jsonl"
    path.write_text(json.dumps({"environment": "essay"}) + "\n")
    with pytest.raises(RlvfError, match=r"samples.jsonl:1: environment: .*'essay' .*program"):
        read_samples(path)
