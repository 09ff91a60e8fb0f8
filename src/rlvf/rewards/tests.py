"""The execution reward: unit tests, run in the sandbox."""

from rlvf.config import ExecutionComponent
from rlvf.rewards.verification import Verified


def reward(verified: Verified, settings: ExecutionComponent) -> float:
    """In [0, 1]: with credit "fraction", the share of tests passed; with "all", 1 if all pass.

    Two of three tests passed give 2/3 with "fraction" and 0 with "all". No code gives 0.
    """
    execution = verified.execution
    if settings.credit == "all":
        return float(execution.verdict == "passed")
    return execution.passed / execution.total
