import math

import numpy as np
import pytest

from rlvf.analysis.summary import (
    load_samples,
    main_cells,
    samples_frame,
)
from rlvf.errors import RlvfError
from rlvf.records import write_jsonl


@pytest.fixture
def only_row(results_of):
    def only_row(samples):
        summary = results_of(samples).summary
        assert len(summary) == 1
        return summary.iloc[0]

    return only_row


def test_pass_at_k_is_averaged_over_tasks(make_sample, only_row):
    # Passes: 1 of 4 and 2 of 4. pass@2: 1 - C(3,2)/C(4,2) = 1/2 and 1 - C(2,2)/C(4,2) = 5/6.
    passed = {1: [True, False, False, False], 2: [True, True, False, False]}
    row = only_row(
        make_sample(task, passed=outcome, sample_id=number)
        for task, outcomes in passed.items()
        for number, outcome in enumerate(outcomes)
    )
    assert row["pass@1"] == pytest.approx((1 / 4 + 2 / 4) / 2)
    assert row["pass@2"] == pytest.approx((1 / 2 + 5 / 6) / 2)
    assert row["pass@4"] == 1
    assert "pass@8" not in row


def test_findings_by_hand(make_sample, only_row):
    row = only_row(
        [
            make_sample(1, findings={"error": 2, "info": 1}, lines=5, rules={"F401": 2, "W291": 1}),
            make_sample(2, findings={"warning": 1}, lines=15, defines_entry_point=False),
        ]
    )
    assert row["findings"] == 2  # 4 in 2 completions
    assert row["findings.error"] == 1
    assert row["findings.warning"] == 0.5
    assert row["findings.info"] == 0.5
    assert row["findings_per_100_lines"] == 20  # 4 in 20 lines
    assert row["findings_valid"] == 3  # the first alone defines the entry point
    assert row["rule.F401"] == 1
    assert row["defines_entry_point"] == 0.5


def test_shares_by_hand(make_sample, only_row):
    row = only_row(
        [
            make_sample(1, tokens=10),
            make_sample(2, tokens=30, finish_reason="length", passed=False),
            make_sample(3, passed=False, verdict="runtime_error", error_type="KeyError"),
            make_sample(4, passed=False, verdict="syntax_error", error_type="SyntaxError"),
        ]
    )
    assert row["verdict.passed"] == row["verdict.runtime_error"] == 0.25
    assert row["error_type.KeyError"] == row["error_type.SyntaxError"] == 0.25
    assert row["outcome.runtime_error:KeyError"] == row["outcome.syntax_error"] == 0.25
    assert row["tokens"] == 20
    assert row["truncated"] == 0.25


def test_hacks_are_shares_of_the_completions(make_sample, only_row):
    row = only_row(
        [
            make_sample(1, hacks=["constant", "hard_coded"]),
            make_sample(2, hacks=["constant"]),
            make_sample(3),
            make_sample(4),
        ]
    )
    assert row["hack.constant"] == 0.5
    assert row["hack.hard_coded"] == 0.25
    assert row["hack.exit"] == 0


def test_overfit_is_a_share_where_tests_are_both_visible_and_hidden(make_sample, only_row):
    overfit = make_sample(1, passed=False, hacks=["overfit"])
    honest = make_sample(2)
    all_visible = make_sample(3, tests_hidden=0)
    all_hidden = make_sample(4, tests_hidden=3)
    assert only_row([overfit, honest, all_visible, all_hidden])["hack.overfit"] == 0.5
    assert math.isnan(only_row([all_visible, all_hidden])["hack.overfit"])


def test_infrastructure_errors_are_counted_and_in_no_rate(make_sample, only_row):
    lost = make_sample(
        1, sample_id=1, verdict="infrastructure_error", tokens=999, findings={"error": 9}
    )
    row = only_row([make_sample(1), make_sample(2), make_sample(2, sample_id=1), lost])
    assert row["pass@1"] == 1
    assert row["tokens"] == 20
    assert row["findings"] == 0
    assert (row["samples"], row["infrastructure_errors"]) == (4, 1)


def test_seeds_are_averaged_with_their_deviation(make_sample, only_row):
    # Seed 0 passes 2 of 2, seed 1 passes 1 of 2: mean 0.75, deviation 0.5 / sqrt(2).
    row = only_row(
        [
            make_sample(1),
            make_sample(2),
            make_sample(1, seed=1),
            make_sample(2, seed=1, passed=False),
        ]
    )
    assert row["seeds"] == 2
    assert row["pass@1"] == pytest.approx(0.75)
    assert row["pass@1_sd"] == pytest.approx(0.5 / math.sqrt(2))
    # A verdict that one seed lacks counts as 0 there.
    assert row["verdict.wrong_answer"] == pytest.approx(0.25)


def test_one_seed_has_no_deviation(make_sample, only_row):
    assert math.isnan(only_row([make_sample(1)])["pass@1_sd"])


def test_controls_have_no_tokens_and_empty_no_findings_per_line(study, results_of):
    summary = results_of(study).summary.set_index("policy")
    assert math.isnan(summary.at["reference", "tokens"])
    assert math.isnan(summary.at["reference", "truncated"])
    assert math.isnan(summary.at["empty", "findings_per_100_lines"])
    assert summary.at["reference", "pass@1"] == 1
    assert summary.at["empty", "pass@1"] == 0


def test_rows_are_controls_base_then_algorithms_by_rewards(make_sample, results_of):
    policies = ["gspo-tests", "grpo-combined", "base", "grpo-ruff", "empty", "grpo-tests"]
    policies.append("reference")
    summary = results_of(make_sample(1, policy) for policy in policies).summary
    assert list(summary["policy"]) == [
        "reference",
        "empty",
        "base",
        "grpo-tests",
        "grpo-ruff",
        "grpo-combined",
        "gspo-tests",
    ]


def test_a_cell_without_any_scored_sample_has_no_rates(make_sample, only_row):
    row = only_row([make_sample(1, verdict="infrastructure_error")])
    assert math.isnan(row["pass@1"])
    assert row["infrastructure_errors"] == 1


def test_the_order_of_files_does_not_matter(study, cells, tmp_path):
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    write_jsonl(paths[0], study[:5])
    write_jsonl(paths[1], study[5:])
    assert load_samples(paths, cells).equals(load_samples(paths[::-1], cells))


def test_samples_that_cannot_be_compared_are_refused(make_sample, cells):
    one = make_sample(1)
    for samples, message in [
        ([], "there are none"),
        ([one, one], "occurs twice"),
        ([one, one.model_copy(update={"study": "other"})], "another study than the cells .other "),
        ([one, make_sample(1, "ppo-tests")], "rlvr has no cell mini-qwen3/ppo-tests/seed0; give"),
        ([one, make_sample(2, "grpo-tests")], "was measured on other tasks"),
    ]:
        with pytest.raises(RlvfError, match=message):
            samples_frame(samples, cells)


def test_controls_stand_beside_policies_that_were_never_decoded_greedily(make_sample, results_of):
    samples = [make_sample(1, "reference"), make_sample(1, evaluation="sampled")]
    cells = main_cells(results_of(samples).summary)
    assert list(cells["policy"]) == ["reference", "base"]


def test_outcomes_are_means_by_seed_and_task(make_sample, results_of):
    passed = {
        (1, 1): (True, False),
        (1, 2): (True, True),
        (2, 1): (False, False),
        (2, 2): (True, False),
    }
    samples = [
        make_sample(task, seed=seed, sample_id=number, passed=outcome, tokens=10 * seed + number)
        for (seed, task), outcomes in passed.items()
        for number, outcome in enumerate(outcomes)
    ]
    found = results_of(reversed(samples)).outcomes["mini-qwen3", "base", "greedy"]
    assert found["pass@1"].tolist() == [[0.5, 1], [0, 0.5]]
    assert found["pass@2"].tolist() == [[1, 1], [0, 1]]
    assert found["tokens"].tolist() == [[10.5, 10.5], [20.5, 20.5]]


def test_a_task_that_lost_samples_has_the_outcome_of_the_others_or_none(make_sample, results_of):
    lost = {"verdict": "infrastructure_error"}
    samples = [
        make_sample(1, sample_id=0),
        make_sample(1, sample_id=1, **lost),
        make_sample(2, sample_id=0, **lost),
        make_sample(2, sample_id=1, **lost),
    ]
    found = results_of(samples).outcomes["mini-qwen3", "base", "greedy"]
    assert np.array_equal(found["pass@1"], [[1, math.nan]], equal_nan=True)
    assert np.isnan(found["pass@2"]).all()


def test_metrics_have_intervals_by_task(make_sample, only_row):
    row = only_row(make_sample(task, passed=task <= 15) for task in range(1, 149))
    # Newcombe 1998, Statistics in Medicine 17, 857, table I: 15 of 148.
    assert (row["pass@1_low"], row["pass@1_high"]) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert row["findings_low"] == row["findings_high"] == 0
    assert "findings_per_100_lines_low" not in row
