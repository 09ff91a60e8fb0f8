"""Rewards: what was verified about a completion -> components -> their weighted sum.

Verification (sandbox, Ruff) happens once for a batch; components read its outcome. A component is
a function of one verified completion, named in `COMPONENTS`; a mix of the configuration weighs
components. Adding a reward is a module here, its settings in rlvf.config, and a line below.
"""

from collections.abc import Callable, Mapping

from rlvf.config import Component
from rlvf.rewards import ruff, tests
from rlvf.rewards.verification import Verified, Verifier

COMPONENTS: dict[str, Callable[[Verified, Component], float]] = {
    "tests": tests.reward,
    "ruff": ruff.reward,
}


def component_rewards(
    verified: Verified, components: Mapping[str, Component]
) -> dict[str, float | None]:
    """Each component's reward for one completion.

    All are None when the infrastructure failed: half a verification must not become a low reward.
    """
    if verified.execution is not None and verified.execution.verdict == "infrastructure_error":
        return dict.fromkeys(components)
    return {
        name: COMPONENTS[settings.kind](verified, settings) for name, settings in components.items()
    }


__all__ = ["COMPONENTS", "Verified", "Verifier", "component_rewards"]
