"""The execution reward: unit tests, run in the sandbox."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from rlvf.settings import RewardComponent

if TYPE_CHECKING:
    from rlvf.rewards import Rollout


class Settings(RewardComponent):
    """Reward in [0, 1] from the unit tests: the fraction passed, or 1 only when all pass."""

    needs = frozenset({"execution"})
    kind: Literal["tests"]
    credit: Literal["fraction", "all"]


def rewards(rollouts: "Sequence[Rollout]", settings: Settings) -> list[float]:
    """Each in [0, 1]: with credit "fraction", the share of tests passed; with "all", 1 if all pass.

    Two of three tests passed give 2/3 with "fraction" and 0 with "all". No code gives 0.
    """
    executions = [rollout.execution for rollout in rollouts]
    if settings.credit == "all":
        return [float(one.verdict == "passed") for one in executions]
    return [one.passed / one.total for one in executions]
