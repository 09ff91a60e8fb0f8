"""Rewards: what was verified about a completion -> components -> their weighted sum.

Verification (sandbox, Ruff) happens once for a batch; components read its outcome. A component is a
module here, by whose name the configuration's `kind` calls it, with its `Settings` and
`reward(verified, settings) -> float`; a mix of the configuration weighs components. There is no
list of them: adding one is adding its file.
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

    All are None when the infrastructure failed: half a verification must not become a low reward.
    """
    if verified.execution is not None and verified.execution.verdict == "infrastructure_error":
        return dict.fromkeys(components)
    return {
        name: COMPONENTS[settings.kind].reward(verified, settings)
        for name, settings in components.items()
    }
