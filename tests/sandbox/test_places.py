"""The sandbox where the kernel grants less: in a container, as another user, on an old kernel."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import skip_or_fail

HERE = Path(__file__).parent
ALL = {"rlimits", "seccomp", "landlock", "namespaces", "account"}
# What starts a sandbox, runs one candidate, and says what was in force.
SCRIPT = """
import sys
from rlvf.settings import SandboxSettings
from rlvf.errors import RlvfError
from rlvf.sandbox import Candidate, Sandbox
from tests.sandbox.conftest import make_task
settings = SandboxSettings(minimum=tuple(sys.argv[1].split(",")))
try:
    with Sandbox(settings, workers=1) as sandbox:
        candidate = Candidate(make_task("assert f(1) == 2"), 0, "def f(x): return x + 1")
        (execution,) = sandbox.execute([candidate])
        print(execution.verdict, *execution.isolation)
except RlvfError as error:
    print("error:", error)
"""


def run_in(place, *arguments, minimum="seccomp,landlock"):
    """Run Python with these arguments there."""
    if place.startswith("user") and os.getuid() != 0:
        skip_or_fail("needs to become another user: run the tests as root")
    command = [sys.executable, "-B", *arguments]
    if place != "here":
        command = [sys.executable, HERE / "places.py", place, *command]
    root = HERE.parents[1]
    environment = {**os.environ, "PYTHONPATH": f"{root}:{root}/src", "RLVF_TEST_MINIMUM": minimum}
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def in_force(place, minimum="seccomp,landlock"):
    return run_in(place, "-c", SCRIPT, minimum).stdout.strip()


@pytest.mark.parametrize(
    ("place", "missing"),
    [
        ("here", set()),
        ("user", set()),
        ("user-container", {"namespaces"}),
        ("fakeroot", {"account"}),
    ],
)
def test_the_layers_in_force_are_written_to_the_execution(place, missing):
    verdict, *layers = in_force(place).split()
    assert verdict == "passed"
    assert set(layers) == ALL - missing


def test_root_in_a_container_has_an_account_if_others_can_read_the_runtime():
    verdict, *layers = in_force("container").split()
    assert verdict == "passed"
    readable = all(p.stat().st_mode & 1 for p in Path(sys.base_prefix, "lib").resolve().parents)
    expected = ALL - {"namespaces"} if os.getuid() or readable else ALL - {"namespaces", "account"}
    assert set(layers) == expected


@pytest.mark.parametrize(
    ("place", "minimum", "named"),
    [
        ("container", "seccomp,namespaces", ["namespaces", "unshare", "user.max_user_namespaces"]),
        ("old", "seccomp,landlock", ["landlock", "5.13"]),
        ("bare", "seccomp", ["seccomp", "libseccomp"]),
    ],
)
def test_below_the_minimum_nothing_is_run(place, minimum, named):
    said = in_force(place, minimum)
    assert said.startswith(f"error: the sandbox lacks {named[0]}: ")
    assert said.count("\n") == 0
    for text in [*named, "sandbox.minimum"]:
        assert text in said


@pytest.mark.parametrize(
    ("place", "minimum"),
    [
        ("container", "seccomp,landlock"),
        ("user", "seccomp,landlock,namespaces"),
        ("user-container", "seccomp,landlock,account"),
        ("no-landlock", "seccomp,namespaces,account"),
    ],
)
def test_every_attack_fails_there_too(place, minimum):
    attacks = HERE / "test_attacks.py"
    options = ("-p", "no:cacheprovider", "-n", "0", "-q", "--tb", "short", "-k", "not stops_it")
    result = run_in(place, "-m", "pytest", *options, str(attacks), minimum=minimum)
    assert result.returncode == 0, result.stdout
