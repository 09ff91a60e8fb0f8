"""Computes the components of rewards from what is known of a generation's completions.

Completions are checked (sandbox, Ruff) once for a generation, and components read what came out. A
component is a module here, which the configuration's `kind` names. It has its `Settings`, which say
what it `needs`, and `rewards(rollouts, settings) -> list[float | None]` over the whole generation,
whose groups are marked. None leaves a completion out. The reward is a weighted sum of components,
and a study's training has the weights. There is no list of components: adding one is adding its
file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from rlvf.settings import kinds

if TYPE_CHECKING:
    from rlvf.records import Diagnostic, Execution, Task

COMPONENTS = kinds(__name__, __path__)
Component = Annotated[
    Union[tuple(module.Settings for module in COMPONENTS.values())],  # noqa: UP007
    Field(discriminator="kind"),
]


@dataclass(frozen=True)
class Rollout:
    """One completion of a generation.

    Completions of one prompt have the same `group`, which is a number. `answer` is the code in the
    text, or None. `tokens` are the ids of the completion, which ended by itself (`stop`) or at the
    limit (`length`). What no component needs is None. `signals` has numbers for each token, by the
    signal's name.
    """

    task: "Task"
    group: int
    text: str
    answer: str | None
    tokens: list[int]
    finish_reason: str
    execution: "Execution | None"
    findings: "list[Diagnostic] | None"
    signals: dict[str, list[float]] = field(default_factory=dict)


def component_rewards(
    rollouts: Sequence[Rollout], components: Mapping[str, Component]
) -> dict[str, list[float | None]]:
    """Return each component's rewards for the completions of a generation, in their order.

    All rewards of a completion are None where the infrastructure failed, since half a check must
    not become a low reward. Components do not see such a completion, so that it has no part in what
    they find out about its group.
    """
    places = [place for place, one in enumerate(rollouts) if not _failed(one)]
    found: dict[str, list[float | None]] = {}
    for name, settings in components.items():
        found[name] = [None] * len(rollouts)
        checked = [rollouts[place] for place in places]
        rewards = COMPONENTS[settings.kind].rewards(checked, settings)
        for place, reward in zip(places, rewards, strict=True):
            found[name][place] = reward
    return found


def _failed(rollout: Rollout) -> bool:
    execution = rollout.execution
    return execution is not None and execution.verdict == "infrastructure_error"
