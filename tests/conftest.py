"""What several tests share: real settings, tiny models, the real MBPP where it is given."""

import os
from pathlib import Path

import pytest

from rlvf.config import Config, load_config

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def paper_config() -> Config:
    return load_config(REPOSITORY / "config.yaml")


@pytest.fixture(scope="session")
def mini_config() -> Config:
    return load_config(REPOSITORY / "config.yaml", REPOSITORY / "config" / "mini.yaml")


@pytest.fixture(scope="session")
def mbpp_path() -> Path:
    """The publisher's mbpp.jsonl, which this repository does not contain."""
    given = os.environ.get("RLVF_MBPP")
    if given is None:
        message = "needs the real MBPP: RLVF_MBPP=/path/to/mbpp.jsonl make test"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return Path(given)
