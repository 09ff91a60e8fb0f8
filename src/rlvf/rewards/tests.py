"""The execution reward: unit tests, run in the sandbox."""

from typing import TYPE_CHECKING, Literal

from rlvf.settings import RewardComponent

if TYPE_CHECKING:
    from rlvf.verification import Verified


class Settings(RewardComponent):
    """Reward in [0, 1] from the unit tests: the fraction passed, or 1 only when all pass."""

    needs_execution = True
    kind: Literal["tests"]
    credit: Literal["fraction", "all"]


def reward(verified: "Verified", settings: Settings) -> float:
    """In [0, 1]: with credit "fraction", the share of tests passed; with "all", 1 if all pass.

    Two of three tests passed give 2/3 with "fraction" and 0 with "all". No code gives 0.
    """
    execution = verified.execution
    if settings.credit == "all":
        return float(execution.verdict == "passed")
    return execution.passed / execution.total
