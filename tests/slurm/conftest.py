import pytest

from tests.conftest import skip_or_fail
from tests.slurm.cluster import Cluster, missing


@pytest.fixture(scope="package")
def cluster(tmp_path_factory):
    if problem := missing():
        skip_or_fail(f"needs a real Slurm to start: {problem}")
    with Cluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster
