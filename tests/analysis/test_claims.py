"""Verdicts on data whose truth is known; what a claims file may say."""

import csv
import json

import pytest
import yaml

from rlvf.analysis.claims import write_claims
from rlvf.analysis.claims.vocabulary import Claims
from rlvf.errors import RlvfError
from rlvf.settings import parse_settings
from tests.conftest import REPOSITORY

# Log odds of passing, tokens, findings. Ruff alone: shorter and cleaner, fewer passes. Tests and
# both: more passes, the same length; and GSPO does as GRPO does.
REWARDS = {"tests": (1.5, 40, 2.0), "ruff": (-1.5, 30, 0.5), "combined": (1.5, 40, 0.5)}
TRUTH = {"base": (0.0, 40, 2.0)}
TRUTH |= {
    f"{algorithm}-{name}": REWARDS[name] for algorithm in ("grpo", "gspo") for name in REWARDS
}


@pytest.fixture(scope="module")
def measured(make_study, results_of):
    return {
        seeds: results_of(make_study(TRUTH, tasks=200, seeds=range(1, seeds + 1)))
        for seeds in (1, 3)
    }


@pytest.fixture
def evaluate(measured, tmp_path):
    """claims.json of a claims file with these predicates, one claim each."""

    def evaluate(*predicates, seeds=3):
        claims = {
            "source": "us",
            "claims": [
                {"id": f"claim-{i}", "title": "T", "quote": "Q", "predicates": [predicate]}
                for i, predicate in enumerate(predicates)
            ],
        }
        path = tmp_path / "claims.yaml"
        path.write_text(yaml.safe_dump(claims), encoding="utf-8")
        claims = parse_settings(str(path), Claims)
        write_claims(claims, str(path), measured[seeds], "rlvf claims ...", tmp_path)
        return json.loads((tmp_path / "claims.json").read_text(encoding="utf-8"))["claims"]

    return evaluate


def says(expect, quantifier="all", against=None, **cells):
    against = against or {"policy": "base"}
    return {
        "says": "S",
        "cells": cells,
        "against": against,
        "quantifier": quantifier,
        "expect": expect,
    }


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("predicate", "verdict"),
    [
        (says({"pass@1": {"above": 0}}, "any", reward="combined"), "supported"),
        (says({"pass@1": {"above": 0}}, "all", reward="combined"), "supported"),
        (says({"pass@1": {"above": 0}}, "mean", reward="combined"), "supported"),
        (says({"pass@1": {"above": 0}}, "any", reward="ruff"), "not supported"),
        (says({"pass@1": {"above": 0}}, "any"), "supported"),
        (says({"pass@1": {"above": 0}}, "all"), "not supported"),
        (says({"pass@1": {"above": 60}}, "any", reward="combined"), "not supported"),
        (says({"tokens": {"below": 0}}, reward="ruff"), "supported"),
        (says({"tokens": {"below": -5}}, reward="ruff"), "supported"),
        (says({"tokens": {"below": -15}}, reward="ruff"), "not supported"),
        (says({"findings": {"differs_by": 1}}, reward="ruff"), "supported"),
        (says({"findings": {"within": 1}}, reward="ruff"), "not supported"),
        (says({"tokens": {"within": 5}}, "mean", reward="tests"), "supported"),
        (says({"tokens": {"differs_by": 5}}, "mean", reward="tests"), "not supported"),
        (says({"pass@1": {"no_reliable_gain": 5}}, reward="ruff"), "supported"),
        (says({"pass@1": {"no_reliable_gain": 5}}, reward="tests"), "not supported"),
        # Of the two expectations one holds.
        (says({"tokens": {"below": 0}, "pass@1": {"above": 0}}, reward="ruff"), "not supported"),
        (says({"pass@1": {"above": 0}}, against={"reward": "ruff"}, reward="tests"), "supported"),
        # Policies of tests and of both pass alike, and one has fewer findings.
        (
            says(
                {"tokens": {"within": 5}, "findings": {"differs_by": 1}}, "any", {"policy": "other"}
            ),
            "supported",
        ),
    ],
)
def test_verdicts_are_true(evaluate, predicate, verdict, seeds):
    [claim] = evaluate(predicate, seeds=seeds)
    assert claim["verdict"] == claim["predicates"][0]["verdict"] == verdict


def test_what_the_data_cannot_tell_is_undecided(evaluate):
    # The algorithms are alike, and 200 tasks are too few to say so within a tenth of a point.
    pair = {"against": {"algorithm": "grpo"}, "algorithm": "gspo", "quantifier": "mean"}
    claims = evaluate(
        says({"pass@1": {"above": 0}}, **pair),
        says({"pass@1": {"within": 0.1}}, **pair),
        says({"pass@1": {"no_reliable_gain": 0.1}}, **pair),
    )
    assert {claim["verdict"] for claim in claims} == {"undecided"}


def test_cells_that_there_are_not_leave_a_claim_undecided(evaluate):
    [claim] = evaluate(says({"pass@1": {"above": 0}}, "all", reward="style"))
    assert claim["verdict"] == "undecided"
    assert claim["predicates"][0]["comparisons"] == []


def test_a_claim_is_the_conjunction_of_its_predicates(measured, tmp_path):
    yes = says({"tokens": {"below": 0}}, reward="ruff")
    no = says({"tokens": {"above": 0}}, reward="ruff")
    open_ = says({"tokens": {"above": 0}}, reward="style")
    for predicates, verdict in [
        ([yes, yes], "supported"),
        ([yes, open_], "undecided"),
        ([yes, open_, no], "not supported"),
    ]:
        claim = {"id": "c", "title": "T", "quote": "Q", "predicates": predicates}
        claims = Claims.model_validate({"source": "us", "claims": [claim]})
        write_claims(claims, "claims.yaml", measured[1], "", tmp_path)
        written = json.loads((tmp_path / "claims.json").read_text(encoding="utf-8"))
        assert written["claims"][0]["verdict"] == verdict


def test_one_of_many_is_enough_only_after_correction(make_study, results_of, tmp_path):
    """Policies that are base again: now and then one of 30 pairs differs by chance."""
    same = dict.fromkeys(TRUTH, (0.0, 40, 2.0))
    found = results_of(make_study(same, tasks=200, seeds=[1], seeds_differ=0.0))
    predicate = says({"tokens": {"differs_by": 0}}, "any", {"policy": "other"})
    claim = {"id": "c", "title": "T", "quote": "Q", "predicates": [predicate]}
    claims = Claims.model_validate({"source": "us", "claims": [claim]})
    write_claims(claims, "claims.yaml", found, "", tmp_path)
    with open(tmp_path / "evidence.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30
    assert (
        min(float(row["p"]) for row in rows) < 0.05 < min(float(row["p_adjusted"]) for row in rows)
    )
    written = json.loads((tmp_path / "claims.json").read_text(encoding="utf-8"))
    assert written["claims"][0]["verdict"] == "undecided"


def test_equal_samples_in_any_order_give_identical_files(make_study, results_of, tmp_path):
    study = make_study(TRUTH, tasks=30, seeds=[1, 2])
    claims = parse_settings(str(REPOSITORY / "paper" / "rlvr" / "claims.yaml"), Claims)
    claims = claims.model_copy(update={"claims": claims.claims[:2]})  # all of them take a minute
    for name, samples in (("a", study), ("b", study[::-1])):
        write_claims(claims, "claims.yaml", results_of(samples), "c", tmp_path / name)
    names = {path.name for path in (tmp_path / "a").iterdir()}
    assert names == {
        "claims.json",
        *(
            f"{table}.{suffix}"
            for table in ("claims", "evidence")
            for suffix in ("csv", "md", "html", "tex")
        ),
    }
    for name in names:
        first, second = ((tmp_path / folder / name).read_bytes() for folder in "ab")
        assert first == second, name
        assert b"mini" in first


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"expect": {"pass@1": {"over": 3}}}, r"predicates.0.expect.pass@1.over: there is no such"),
        ({"expect": {"pass@1": {}}}, r"predicates.0.expect.pass@1: needs one of above, below"),
        (
            {"expect": {"pass@1": {"within": 0}}},
            r"predicates.0.expect.pass@1.within: .*greater than 0",
        ),
        ({"expect": {"speed": {"above": 0}}}, r"predicates.0.expect: there is no measure 'speed'"),
        ({"quantifier": "most"}, r"predicates.0.quantifier: "),
        ({"against": {"policy": "best"}}, r"predicates.0.against.policy: "),
        ({"against": {"reward": "ruff"}}, r"predicates.0.against.reward: the cells themselves"),
        ({"against": {}}, r"predicates.0.against: .*at least 1 item"),
        ({"against": {"size": "n32"}}, r"predicates.0.against: there is no axis 'size'"),
        (
            {"cells": {"seed": "1"}},
            r"predicates.0.cells: there is no axis 'seed' .*algorithm, model",
        ),
    ],
)
def test_a_wrong_claims_file_is_named_with_the_key(evaluate, tmp_path, change, message):
    predicate = says({"pass@1": {"above": 0}}, reward="ruff") | change
    with pytest.raises(RlvfError, match=rf"claims\.yaml: claims\.0\.{message}"):
        evaluate(predicate)
    assert not (tmp_path / "claims.json").exists()


def test_two_claims_of_one_name_are_refused(tmp_path):
    claim = {"id": "c", "title": "T", "quote": "Q"}
    claim["predicates"] = [says({"pass@1": {"above": 0}})]
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump({"source": "us", "claims": [claim, claim]}), encoding="utf-8")
    with pytest.raises(RlvfError, match=r"claims: two claims have the id 'c'"):
        parse_settings(str(path), Claims)
