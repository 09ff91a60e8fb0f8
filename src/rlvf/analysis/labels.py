"""How cells are ordered and named in every table, figure and paragraph."""

from typing import Literal

from rlvf.config import CONTROLS, NO_MODEL

Scale = Literal["paper", "mini"]

# Mini numbers must never pass for the paper's: every table, figure and page carries this note.
SCALE_NOTES: dict[Scale, str] = {
    "paper": "paper scale",
    "mini": "mini scale: tiny models on a generated benchmark; "
    "not comparable with the paper's numbers",
}

# Rewards of one component come before mixes of them, whatever the alphabet says.
_FIRST_REWARDS = ("tests", "ruff")


def split_policy(policy: str) -> tuple[str | None, str | None]:
    """Algorithm and reward of a trained policy; (None, None) for `base` and the controls."""
    algorithm, dash, reward = policy.partition("-")
    return (algorithm, reward) if dash else (None, None)


def is_trained(policy: str) -> bool:
    return split_policy(policy)[0] is not None


def reward_key(reward: str) -> tuple:
    rank = _FIRST_REWARDS.index(reward) if reward in _FIRST_REWARDS else len(_FIRST_REWARDS)
    return rank, reward


def policy_key(policy: str) -> tuple:
    """Sorts controls first, then base, then algorithms × rewards."""
    algorithm, reward = split_policy(policy)
    if policy in CONTROLS:
        return 0, CONTROLS.index(policy)
    if algorithm is None:
        return 1, policy
    return 2, algorithm, reward_key(reward)


def cell_key(model: str, policy: str) -> tuple:
    """Sorts cells by model, the controls (which have none) before all of them."""
    return model != NO_MODEL, model, policy_key(policy)


def model_label(model: str) -> str:
    return "control" if model == NO_MODEL else model


def words(name: str) -> str:
    """`wrong_answer` as a reader likes it."""
    return name.replace("_", " ")
