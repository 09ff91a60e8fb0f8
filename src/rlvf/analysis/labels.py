"""Defines how cells are ordered and named in every table, figure and paragraph."""

from typing import Literal

from rlvf.config import CONTROLS, NO_MODEL

Scale = Literal["paper", "mini"]

# Nobody must take numbers of the mini scale for the paper's, so every table, figure and page has
# this note.
SCALE_NOTES: dict[Scale, str] = {
    "paper": "paper scale",
    "mini": "mini scale: tiny models on a generated benchmark; "
    "not comparable with the paper's numbers",
}

# Rewards of one component are sorted before mixes of them, and not by the alphabet.
_FIRST_REWARDS = ("tests", "ruff")


def split_policy(policy: str) -> tuple[str | None, str | None]:
    """Return the algorithm and the reward of a trained policy, or (None, None) for `base` and the
    controls."""
    algorithm, dash, reward = policy.partition("-")
    return (algorithm, reward) if dash else (None, None)


def is_trained(policy: str) -> bool:
    return split_policy(policy)[0] is not None


def reward_key(reward: str) -> tuple:
    rank = _FIRST_REWARDS.index(reward) if reward in _FIRST_REWARDS else len(_FIRST_REWARDS)
    return rank, reward


def policy_key(policy: str) -> tuple:
    """Return a key that sorts controls first, then base, then policies by algorithm and reward."""
    algorithm, reward = split_policy(policy)
    if policy in CONTROLS:
        return 0, CONTROLS.index(policy)
    if algorithm is None:
        return 1, policy
    return 2, algorithm, reward_key(reward)


def cell_key(model: str, policy: str) -> tuple:
    """Return a key that sorts cells by model, with the controls, which have none, before all."""
    return model != NO_MODEL, model, policy_key(policy)


def model_label(model: str) -> str:
    return "control" if model == NO_MODEL else model


def words(name: str) -> str:
    """Write a name such as `wrong_answer` with spaces, for readers."""
    return name.replace("_", " ")
