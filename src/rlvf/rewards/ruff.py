"""The static-analysis reward: Ruff's findings, weighted by severity."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from rlvf.lint import INVALID_SYNTAX, count_lines
from rlvf.records import SEVERITIES, Severity
from rlvf.settings import Positive, RewardComponent

if TYPE_CHECKING:
    from rlvf.rewards import Rollout


class Settings(RewardComponent):
    """Reward in [0, 1] from Ruff: 1 - min(weighted findings per `per_lines` lines, cap) / cap.

    Code that does not parse, or no code, gets 0.
    """

    needs = frozenset({"lint"})
    kind: Literal["ruff"]
    weights: dict[Severity, float]
    cap: float = Field(gt=0)
    per_lines: Positive | None

    @field_validator("weights")
    @classmethod
    def _all_levels(cls, weights: dict[str, float]) -> dict[str, float]:
        if missing := set(SEVERITIES) - set(weights):
            raise ValueError(f"needs a weight for {', '.join(sorted(missing))}")
        return weights


def rewards(rollouts: "Sequence[Rollout]", settings: Settings) -> list[float]:
    """Each in [0, 1]: 1 - min(burden, cap) / cap, where burden is the weighted number of findings.

    With `per_lines` = n the burden is per n lines of code, otherwise per completion. With
    weights error 1, warning 0.5, info 0.25 and cap 4, one error and two warnings have a burden
    of 2 and give 0.5. No code, or code that does not parse, gives 0, since an empty file would be
    perfect otherwise.
    """
    return [_reward(rollout, settings) for rollout in rollouts]


def _reward(rollout: "Rollout", settings: Settings) -> float:
    findings = rollout.findings
    if rollout.answer is None or any(finding.code == INVALID_SYNTAX for finding in findings):
        return 0.0
    burden = sum(settings.weights[finding.severity] for finding in findings)
    if settings.per_lines is not None:
        burden *= settings.per_lines / count_lines(rollout.answer)
    return 1.0 - min(burden, settings.cap) / settings.cap
