"""Computes the components of rewards from what was verified about a completion.

Verification (sandbox, Ruff) happens once for a batch, and components read its outcome. A component
is a module here, which the configuration's `kind` names. It has its `Settings` and
`reward(verified, settings) -> float`. The reward is a weighted sum of components, and a mix of the
configuration has the weights. There is no list of components: adding one is adding its file.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from rlvf.settings import kinds

if TYPE_CHECKING:
    from rlvf.verification import Verified

COMPONENTS = kinds(__name__, __path__)
Component = Annotated[
    Union[tuple(module.Settings for module in COMPONENTS.values())],  # noqa: UP007
    Field(discriminator="kind"),
]


def component_rewards(
    verified: "Verified", components: Mapping[str, Component]
) -> dict[str, float | None]:
    """Each component's reward for one completion.

    All are None when the infrastructure failed, since half a verification must not become a low
    reward.
    """
    if verified.execution is not None and verified.execution.verdict == "infrastructure_error":
        return dict.fromkeys(components)
    return {
        name: COMPONENTS[settings.kind].reward(verified, settings)
        for name, settings in components.items()
    }
