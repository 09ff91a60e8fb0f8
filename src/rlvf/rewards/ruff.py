"""The static-analysis reward: Ruff's findings, weighted by severity."""

from rlvf.config import RuffComponent
from rlvf.lint import INVALID_SYNTAX, count_lines
from rlvf.rewards.verification import Verified


def reward(verified: Verified, settings: RuffComponent) -> float:
    """In [0, 1]: 1 - min(burden, cap) / cap, where burden is the weighted number of findings.

    With `per_lines` = n the burden is per n lines of code, otherwise per completion. With
    weights error 1, warning 0.5, info 0.25 and cap 4, one error and two warnings have a burden
    of 2 and give 0.5. The empty file would be perfect: no code, or code that does not parse,
    gives 0.
    """
    findings = verified.findings
    if verified.code is None or any(finding.code == INVALID_SYNTAX for finding in findings):
        return 0.0
    burden = sum(settings.weights[finding.severity] for finding in findings)
    if settings.per_lines is not None:
        burden *= settings.per_lines / count_lines(verified.code)
    return 1.0 - min(burden, settings.cap) / settings.cap
