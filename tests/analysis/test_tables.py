import csv
import json

import pytest

from rlvf.analysis.formats import latex_escape
from rlvf.analysis.numbers import NUMBERS
from rlvf.analysis.tables import write_tables

# As `rlvf.studies.rlvr` chooses them.
TABLES = (
    *("pass_at_1", "pass_at_k", "effects", "length", "ruff", "ruff_rules", "errors"),
    *("error_types", "hacking", "hyperparameters"),
)
SETTINGS = {
    "training": {"learning_rate": 0.0004, "lora": {"r": 16}},
    "lint": {"select": ["E", "F"], "ignore": []},
    "studies": {
        "rlvr": {
            "models": ["mini-qwen3"],
            "overrides": [{"where": {"algorithm": "gspo"}}],
            "published": ["training.lora", "lint.sel"],
        }
    },
}


@pytest.fixture
def tables(study, tmp_path, results_of):
    write_tables(results_of(study, "mini", hyperparameters=SETTINGS), tmp_path)
    return tmp_path


def rows(folder, name):
    with open(folder / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_writes_every_table_in_four_formats_and_the_numbers(tables):
    expected = {f"{name}.{suffix}" for name in TABLES for suffix in ("csv", "md", "html", "tex")}
    assert {path.name for path in tables.iterdir()} == expected | {NUMBERS}


def test_the_gain_is_in_points_over_base(tables):
    by_policy = {row["policy"]: row for row in rows(tables, "pass_at_1")}
    assert float(by_policy["base"]["pass_at_1"]) == 0.5
    assert float(by_policy["grpo-tests"]["gain_points"]) == 50
    assert float(by_policy["gspo-ruff"]["gain_points"]) == -50
    assert by_policy["reference"]["gain_points"] == ""


def test_controls_stand_beside_the_policies(tables):
    for name in ("pass_at_1", "length", "ruff"):
        assert [row["policy"] for row in rows(tables, name)][:2] == ["reference", "empty"]


def test_ruff_rules_count_per_completion(tables):
    found = {row["policy"]: row for row in rows(tables, "ruff_rules") if row["rule"] == "F401"}
    # Two seeds, one of them with one finding in each completion.
    assert float(found["gspo-ruff"]["findings"]) == 0.5


def test_hyperparameters_say_where_they_come_from(tables):
    origin = {row["key"]: row["origin"] for row in rows(tables, "hyperparameters")}
    assert origin["training.lora.r"] == "published"
    assert origin["training.learning_rate"] == "our choice"
    # A key is published with its whole name, not with the beginning of one.
    assert origin["lint.select"] == "our choice"
    assert "studies.rlvr.published" not in origin


def test_hyperparameters_are_flat(tables):
    value = {row["key"]: row["value"] for row in rows(tables, "hyperparameters")}
    assert value["lint.select"] == "E, F"
    assert value["lint.ignore"] == "none"
    assert value["studies.rlvr.overrides.0.where.algorithm"] == "gspo"


def test_mini_is_labelled_in_every_file(tables):
    for name in TABLES:
        for suffix in ("md", "html", "tex"):
            assert "mini scale" in (tables / f"{name}.{suffix}").read_text(encoding="utf-8")
        assert all(row["scale"] == "mini" for row in rows(tables, name))


def test_paper_tables_do_not_say_mini(study, tmp_path, results_of):
    write_tables(results_of(study, "paper"), tmp_path)
    assert not [path for path in tmp_path.iterdir() if "mini scale" in path.read_text("utf-8")]


def test_numbers_name_the_extremes_and_the_controls(tables):
    numbers = json.loads((tables / NUMBERS).read_text(encoding="utf-8"))
    assert numbers["extremes"]["mini-qwen3"]["highest"]["policy"] == "grpo-tests"
    assert numbers["extremes"]["mini-qwen3"]["lowest"]["policy"] == "gspo-ruff"
    assert numbers["controls"]["reference"]["pass@1"] == 1
    assert numbers["mean_by"]["reward"]["ruff"]["findings"] == 0.5


def test_equal_samples_in_any_order_give_identical_files(
    study, tables, tmp_path_factory, results_of
):
    other = tmp_path_factory.mktemp("other")
    write_tables(results_of(study[::-1], "mini", hyperparameters=SETTINGS), other)
    for path in tables.iterdir():
        assert path.read_bytes() == (other / path.name).read_bytes(), path.name


def test_latex_escapes_what_untrusted_code_may_be_called():
    assert latex_escape("a_b & 5 % #1 {x}") == r"a\_b \& 5 \% \#1 \{x\}"
    assert latex_escape("\\x ~ ^ $") == r"\textbackslash{}x \textasciitilde{} \textasciicircum{} \$"
    assert latex_escape("1.0 ± 0.5\n−2") == r"1.0 $\pm$ 0.5 $-$2"


def test_an_odd_error_type_breaks_no_table(tables):
    assert r"Odd\_\$Error" in (tables / "error_types.tex").read_text(encoding="utf-8")
    assert r"Odd\_$Error" in (tables / "error_types.md").read_text(encoding="utf-8")


def test_html_escapes_what_untrusted_code_may_be_called(make_sample, tmp_path, results_of):
    sample = make_sample(1, passed=False, verdict="runtime_error", error_type="<b>&")
    write_tables(results_of([sample], "mini"), tmp_path)
    assert "<th>&lt;b&gt;&amp;</th>" in (tmp_path / "error_types.html").read_text(encoding="utf-8")


def test_a_long_table_may_break_over_pages(study, tmp_path, results_of):
    settings = {"training": {f"key{number}": number for number in range(60)}}
    write_tables(results_of(study, "mini", hyperparameters=settings), tmp_path)
    assert r"\begin{longtable}" in (tmp_path / "hyperparameters.tex").read_text(encoding="utf-8")


def test_a_partial_grid_is_enough(make_sample, tmp_path, results_of):
    write_tables(results_of([make_sample(1, "grpo-tests")], "mini"), tmp_path)
    assert rows(tmp_path, "pass_at_1")[0]["gain_points"] == ""
    assert rows(tmp_path, "hyperparameters") == []


# Log odds of passing, tokens, findings: what tests and Ruff are worth is added up.
GRID = {
    "base": (-0.5, 40, 2.0),
    **{f"{a}-tests": (0.5, 40, 2.0) for a in ("grpo", "gspo")},
    **{f"{a}-ruff": (-0.5, 30, 1.0) for a in ("grpo", "gspo")},
}


@pytest.fixture(scope="module")
def grid(make_study, tmp_path_factory, results_of):
    folder = tmp_path_factory.mktemp("grid")
    write_tables(results_of(make_study(GRID), "mini"), folder)
    return folder


def test_effects_are_averages_over_the_rest_of_the_grid(grid):
    effects = {(row["factor"], row["measure"]): row for row in rows(grid, "effects")}
    assert {row["first"] + " - " + row["second"] for row in effects.values()} == {
        "ruff - tests",
        "gspo - grpo",
    }
    # The truth: 10 tokens and 1 finding less with Ruff, nothing between the algorithms.
    for measure, truth in (("tokens", -10), ("findings", -1)):
        row = effects["reward", measure]
        assert float(row["low"]) < truth < float(row["high"])
        assert float(row["p_adjusted"]) < 0.05
        assert float(effects["algorithm", measure]["p_adjusted"]) > 0.05
        assert (row["cells"], row["tasks"], row["seeds"]) == ("4", "120", "3")
    assert float(effects["reward", "pass@1"]["high"]) < 0


def test_gains_have_intervals_and_an_adjusted_p_value(grid):
    gained = {(row["model"], row["policy"]): row for row in rows(grid, "pass_at_1")}
    row = gained["mini-llama", "grpo-tests"]
    assert 0 < float(row["gain_low"]) < float(row["gain_points"]) < float(row["gain_high"])
    assert float(row["gain_p"]) <= float(row["gain_p_adjusted"]) < 0.05
    assert gained["mini-llama", "base"]["gain_low"] == ""
    text = (grid / "pass_at_1.md").read_text(encoding="utf-8")
    marked = [row for row in gained.values() if float(row["gain_p_adjusted"] or 1) < 0.05]
    assert 0 < len(marked) == text.count(r")\*")


def test_notes_say_what_intervals_are_about(grid, make_study, tmp_path, results_of):
    write_tables(results_of(make_study(GRID, seeds=[1]), "mini"), tmp_path)
    for name in ("pass_at_1", "pass_at_k", "effects", "length", "ruff"):
        several, one = ((f / f"{name}.md").read_text("utf-8") for f in (grid, tmp_path))
        assert "120 tasks; 3 seeds per cell" in several and "tasks and seeds like these" in several
        assert "120 tasks; 1 seed per cell" in one and "over tasks only" in one
    assert "McNemar" in (tmp_path / "pass_at_1.tex").read_text("utf-8")
    assert "8 comparisons of an evaluation" in (grid / "pass_at_1.md").read_text("utf-8")
