"""Jobs in a container, with a stand-in for Apptainer that runs their commands outside."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.workflow.conftest import Checkout, planned

TINY = Path(__file__).parent / "tiny.yaml"
# Four jobs: the image, the tasks, their references as completions, and those executed.
TARGET = "results/mini/rlvr/none/reference/seed0/greedy/executions.jsonl"
CONTAINED = ("--software-deployment-method", "apptainer")
FILES = ("--configfile", "config/mini.yaml", "tiny.yaml")
RUN = (TARGET, "--cores", "1", *FILES)

# It records its arguments, and fails where Apptainer would: on a broken definition, half-way, and
# without the image.
STAND_IN = f"""#!{sys.executable}
import json, subprocess, sys
from pathlib import Path

arguments = sys.argv[1:]
if arguments == ["--version"]:
    sys.exit(print("apptainer version 1.4.5"))
with open("calls.jsonl", "a") as calls:
    print(json.dumps(arguments), file=calls)
if arguments[0] == "build":
    *_, image, definition = arguments
    Path(image).write_text("half")
    if "broken" in Path(definition).read_text():
        sys.exit("FATAL: while running %post section: exit status 1")
    Path(image).write_text("whole")
else:
    image = next(word for word in arguments if word.endswith(".sif"))
    if Path(image).read_text() != "whole":
        sys.exit(f"FATAL: could not open image {{image}}")
    sys.exit(subprocess.run(arguments[arguments.index(image) + 1 :]).returncode)
"""


def calls(checkout, kind):
    """The arguments of each call of `apptainer build` or `apptainer exec`, with its position."""
    lines = (checkout.folder / "calls.jsonl").read_text().splitlines()
    return {
        number: arguments
        for number, arguments in enumerate(map(json.loads, lines))
        if arguments[0] == kind
    }


@pytest.fixture(scope="module", autouse=True)
def stand_in(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bin")
    (folder / "apptainer").write_text(STAND_IN)
    (folder / "apptainer").chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder), prepend=":")
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A checkout in which the target was made in the image. Not to be changed."""
    checkout = Checkout(tmp_path_factory.mktemp("made"))
    shutil.copy(TINY, checkout.folder)
    done = checkout.snakemake(*RUN, *CONTAINED)
    assert done.returncode == 0, done.stdout + done.stderr
    return checkout


@pytest.fixture
def fresh(checkout):
    """A checkout in which nothing was made yet."""
    shutil.copy(TINY, checkout.folder)
    return checkout


@pytest.fixture
def copy(made, tmp_path):
    """The same, to be changed."""
    copied = object.__new__(Checkout)
    copied.folder = shutil.copytree(made.folder, tmp_path / "copy", symlinks=True)
    return copied


def images(checkout):
    """What lies beside the definition."""
    return {path.name for path in (checkout.folder / "containers").iterdir()} - {"rlvf.def"}


def test_the_image_is_built_first_and_once(made):
    (build,) = calls(made, "build").items()
    assert build[0] == 0
    assert build[1][-1] == "containers/rlvf.def"
    (image,) = images(made)
    assert re.fullmatch(r"rlvf-[0-9a-f]{8}-[0-9a-f]{8}\.sif", image)


def test_every_command_runs_in_the_image_which_shows_the_checkout(made):
    stages = []
    for arguments in calls(made, "exec").values():
        options, (image, _, _, command) = arguments[1:-4], arguments[-4:]
        assert options[options.index("--home") + 1] == str(made.folder)
        assert {image} == {f"containers/{name}" for name in images(made)}
        stages += re.findall(r"rlvf (\w+)", command)
    assert stages == ["tasks", "control", "execute"]


def test_a_second_run_does_nothing(made):
    done = made.snakemake(*RUN, *CONTAINED)
    assert "Nothing to be done" in done.stdout + done.stderr


def test_without_containers_there_is_no_image(fresh):
    jobs = planned(fresh.snakemake("-n", *RUN))
    assert "build_image" not in jobs and "execute" in jobs


@pytest.mark.parametrize("changed", ["containers/rlvf.def", "requirements.lock"])
def test_another_definition_or_version_is_another_image_and_makes_all_again(copy, changed):
    with open(copy.folder / changed, "a") as file:
        file.write("# more\n")
    jobs = planned(copy.snakemake("-n", *RUN, *CONTAINED))
    assert jobs == {"build_image": 1, "study_tasks": 1, "control": 1, "execute": 1, "total": 4}


def test_an_image_that_is_built_again_by_itself_reruns_nothing(copy):
    (image,) = images(copy)
    (copy.folder / "containers" / image).unlink()
    assert "Nothing to be done" in copy.snakemake(*RUN, *CONTAINED).stderr
    build = copy.snakemake("build_image", "--cores", "1", *FILES, *CONTAINED)
    assert build.returncode == 0, build.stdout + build.stderr
    (copy.folder / TARGET).unlink()
    assert planned(copy.snakemake("-n", *RUN, *CONTAINED)) == {"execute": 1, "total": 1}


def test_a_build_that_fails_leaves_no_image_and_runs_nothing(fresh):
    with open(fresh.folder / "containers" / "rlvf.def", "a") as file:
        file.write("broken\n")
    done = fresh.snakemake(*RUN, *CONTAINED, "--show-failed-logs")
    assert done.returncode == 1
    assert "FATAL: while running %post section" in done.stdout + done.stderr
    assert not images(fresh)
    assert not calls(fresh, "exec")


def test_options_for_pip_reach_the_build(fresh, monkeypatch):
    monkeypatch.setenv("PIP_OPTIONS", "--no-index --find-links /wheels")
    done = fresh.snakemake("build_image", "--cores", "1", *FILES, *CONTAINED)
    assert done.returncode == 0, done.stdout + done.stderr
    (build,) = calls(fresh, "build").values()
    assert "pip_options=--no-index --find-links /wheels" in build


def test_the_driver_of_gpus_is_let_in_on_a_cluster_only(made, copy):
    assert all("--nv" not in arguments for arguments in calls(made, "exec").values())
    (copy.folder / "calls.jsonl").unlink()
    cluster = ("--profile", "slurm", "--executor", "local", "--forceall")
    done = copy.snakemake(*cluster, *RUN, *CONTAINED)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all("--nv" in arguments for arguments in calls(copy, "exec").values())
    assert len(calls(copy, "exec")) == 3


@pytest.mark.parametrize("scale", [FILES, ()], ids=["mini", "paper"])
def test_every_rule_that_runs_a_command_waits_for_the_image(fresh, scale):
    done = fresh.snakemake("-n", "--cores", "1", *scale, *CONTAINED)
    jobs = planned(done)
    assert jobs.pop("build_image") == jobs.pop("all") == 1
    waiting = re.findall(
        r"^ *(?:local)?rule (\w+):\n +input: .*rlvf-\w+-\w+\.sif", done.stdout, re.M
    )
    assert set(waiting) == set(jobs) - {"total"}


# ---------------------------------------------------------------- the definition


def section(name):
    text = (REPOSITORY / "containers" / "rlvf.def").read_text()
    return re.search(rf"^%{name}\n(.*?)(?=^%|\Z)", text, re.M | re.S)[1]


def test_the_image_holds_the_locked_versions():
    ((source, target),) = (line.split() for line in section("files").splitlines() if line.strip())
    assert (REPOSITORY / source).samefile(REPOSITORY / "requirements.lock")
    assert re.findall(r"pip install .*", section("post")) == [
        f"pip install --no-cache-dir {{{{ pip_options }}}} -r {target}"
    ]


def test_the_definition_names_no_package_index():
    assert "://" not in (REPOSITORY / "containers" / "rlvf.def").read_text()
