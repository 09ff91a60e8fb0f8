"""Ruff over many snippets in one process: code in, findings with severities out.

Ruff runs isolated from any configuration file, with named rules only, and blind to suppression
comments, which a policy would otherwise learn to write (`# noqa`). Ruff calls every finding an
"error"; levels come from the configured table. A syntax error counts once per snippet.
"""

import json
import subprocess
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rlvf.errors import RlvfError
from rlvf.records import SEVERITIES, Diagnostic, LintReport, Severity
from rlvf.settings import LintSettings

INVALID_SYNTAX = "invalid-syntax"


def lint(snippets: Sequence[str | None], settings: LintSettings) -> list[list[Diagnostic]]:
    """The findings of each snippet, by line and column; none where there is no code.

    Raises:
        RlvfError: Ruff refuses the rules, or did not see every snippet.
    """
    findings: list[list[Diagnostic]] = [[] for _ in snippets]
    # Ruff skips what git ignores and says "All checks passed": work outside any checkout, name
    # every file, and check that each was seen.
    with tempfile.TemporaryDirectory(prefix="rlvf-lint-") as folder:
        files = {}
        for number, code in enumerate(snippets):
            if code is not None:
                path = Path(folder, f"{number}.py").resolve()
                # A lone surrogate cannot be in a file; it is a syntax error there too.
                path.write_bytes(code.encode("utf-8", errors="replace"))
                files[str(path)] = number
        if not files:
            return findings
        for finding in _run_ruff(Path(folder), list(files), settings):
            code = finding["code"] or INVALID_SYNTAX
            found = findings[files[str(Path(finding["filename"]).resolve())]]
            if code == INVALID_SYNTAX and any(other.code == code for other in found):
                continue
            found.append(
                Diagnostic(
                    code=code,
                    severity=severity_of(code, settings),
                    line=finding["location"]["row"],
                    column=finding["location"]["column"],
                    message=finding["message"],
                )
            )
    for found in findings:
        found.sort(key=lambda finding: (finding.line, finding.column, finding.code))
    return findings


def lint_report(
    task_id: str, sample_id: int, code: str | None, findings: list[Diagnostic]
) -> LintReport:
    """The record of one completion's findings."""
    counts = dict.fromkeys(SEVERITIES, 0)
    for finding in findings:
        counts[finding.severity] += 1
    return LintReport(
        task_id=task_id,
        sample_id=sample_id,
        diagnostics=findings,
        counts=counts,
        lines=count_lines(code),
    )


def count_lines(code: str | None) -> int:
    """Lines that are not blank."""
    return sum(bool(line.strip()) for line in (code or "").splitlines())


def severity_of(code: str, settings: LintSettings) -> Severity:
    """The level of a rule: that of the longest configured prefix of its code."""
    best, level = "", settings.default_severity
    for severity, prefixes in settings.severities.items():
        for prefix in prefixes:
            if code.startswith(prefix) and len(prefix) > len(best):
                best, level = prefix, severity
    return level


def _run_ruff(folder: Path, files: list[str], settings: LintSettings) -> list[dict]:
    # Reading the list from a file keeps thousands of names off the command line.
    listing = folder / "files.txt"
    listing.write_text("\n".join(files), encoding="utf-8")
    command = [
        _ruff_program(),
        "check",
        "--isolated",
        "--no-cache",
        "--ignore-noqa",
        "--exit-zero",
        "--verbose",
        "--output-format=json",
        f"--target-version={settings.target_version}",
        f"--line-length={settings.line_length}",
        *(f"--select={rule}" for rule in settings.select),
        *(f"--ignore={rule}" for rule in settings.ignore),
        f"@{listing}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    if done.returncode != 0:
        reason = " ".join(done.stderr.split())[-300:]
        raise RlvfError(f"ruff failed with status {done.returncode}: {reason}")
    seen = done.stderr.count("][DEBUG] Checking: ")
    if seen != len(files):
        raise RlvfError(f"ruff saw {seen} of {len(files)} snippets; nothing was counted")
    return json.loads(done.stdout)


def _ruff_program() -> str:
    """Ruff from this very environment, so that its pinned version is the one that runs."""
    return str(Path(sysconfig.get_path("scripts"), "ruff"))
