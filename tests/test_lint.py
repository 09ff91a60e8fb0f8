import pytest

from rlvf.errors import RlvfError
from rlvf.lint import INVALID_SYNTAX, lint, lint_report, severity_of
from rlvf.settings import LintSettings


def rules(snippets, settings=None):
    settings = settings or LintSettings()
    return [[finding.code for finding in found] for found in lint(snippets, settings)]


def test_findings_belong_to_their_snippet_in_order():
    assert rules(["import os\n", "x = 1\n", None, "", "x = 1;\nl = 2\n"]) == [
        ["F401"],
        [],
        [],
        [],
        ["E703", "E741"],
    ]


@pytest.mark.parametrize(
    "comment", ["# noqa", "# noqa: F401", "# ruff: noqa", "# flake8: noqa", "# ruff: ignore[F401]"]
)
def test_suppression_comments_do_not_count(comment):
    assert rules([f"import os  {comment}\n", f"{comment}\nimport os\n"]) == [["F401"], ["F401"]]


def test_a_syntax_error_counts_once():
    (found,) = rules(["def f(:\n    x = (\ny = ]\n"])
    assert found.count(INVALID_SYNTAX) == 1


def test_text_that_no_file_can_hold_is_a_syntax_error():
    assert INVALID_SYNTAX in rules(["\ud800x = 1\n"])[0]


def test_only_the_configured_rules_count():
    settings = LintSettings(select=["F"], ignore=["F841"])
    assert rules(["import os\ndef f():\n    n = 0;\n"], settings) == [["F401"]]


def test_the_longest_prefix_decides_the_level():
    settings = LintSettings(
        severities={"error": ["E9", "F"], "info": ["E", "F84"]}, default_severity="warning"
    )
    levels = {code: severity_of(code, settings) for code in ("E999", "E501", "F401", "F841", "B1")}
    assert levels == {
        "E999": "error",
        "E501": "info",
        "F401": "error",
        "F841": "info",
        "B1": "warning",
    }


def test_unknown_rules_are_named():
    with pytest.raises(RlvfError, match="NOPE"):
        lint(["x = 1\n"], LintSettings(select=["NOPE"]))


def test_a_report_counts_every_level_and_the_lines_of_code():
    code = "import os\n\nx = 1;\n"
    report = lint_report("t/1", 0, code, lint([code], LintSettings())[0])
    assert report.counts == {"error": 1, "warning": 1, "info": 0}
    assert report.lines == 2
