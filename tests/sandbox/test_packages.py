"""Installed packages inside the sandbox: those that are named, and no others."""

import importlib.metadata
import json
import subprocess
import sys

import pytest

from rlvf.config import load_config
from rlvf.errors import RlvfError
from rlvf.sandbox import Candidate, Sandbox
from rlvf.sandbox.packages import find_packages
from rlvf.settings import SandboxSettings, parse_settings, to_json
from tests.conftest import REPOSITORY

from .conftest import make_task


@pytest.fixture(scope="module")
def with_numpy():
    with Sandbox(SandboxSettings(packages=("numpy",)), workers=2) as sandbox:
        yield sandbox


def output(sandbox, code, stdin=""):
    task = make_task({"kind": "stdio", "stdin": stdin, "stdout": ""})
    (execution,) = sandbox.execute([Candidate(task, 0, code)])
    return execution.message if execution.error_type else execution.stdout


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("import sys\nprint(np.loadtxt(sys.stdin).sum())", "10.0\n"),
        ("print(np.fromstring(open(0).read(), sep=' ').sum())", "10.0\n"),
        ("a = np.eye(200) * 2\nprint(np.allclose(np.linalg.inv(a) @ a, np.eye(200)))", "True\n"),
        ("print(np.fft.fft(np.ones(4)).real.tolist())", "[4.0, 0.0, 0.0, 0.0]\n"),
        ("print(np.sort(np.array([3, 1, 2])), np.polyfit([0, 1], [1, 3], 1).round())", None),
        ("import numpy.ma, numpy.polynomial, numpy.testing\nprint(1)", "1\n"),
        ("import importlib.metadata as m\nprint(m.version('numpy'))", None),
    ],
)
def test_numpy_works(with_numpy, code, shown):
    found = output(with_numpy, f"import numpy as np\n{code}", "1 2\n3 4\n")
    if shown is None:
        done = subprocess.run(
            [sys.executable, "-c", f"import numpy as np\n{code}"],
            capture_output=True,
            text=True,
            check=True,
        )
        shown = done.stdout
    assert found == shown


def test_numbers_of_chance_are_the_same_in_each_process(with_numpy):
    code = "import numpy, time\ntime.sleep(0.05)\nprint(numpy.random.randint(10**9))"
    task = make_task({"kind": "stdio", "stdin": "", "stdout": ""})
    executions = with_numpy.execute([Candidate(task, n, code) for n in range(4)])
    assert len({execution.stdout for execution in executions}) == 1


def test_one_thread_computes(with_numpy):
    code = "import numpy, threading, os\na = numpy.ones((500, 500))\na @ a\n"
    code += "print(os.environ['OPENBLAS_NUM_THREADS'], threading.active_count())"
    assert output(with_numpy, code) == "1 1\n"


@pytest.mark.parametrize("other", ["pydantic", "torch", "rlvf", "yaml"])
def test_no_other_package_is_there(with_numpy, other):
    assert output(with_numpy, f"import {other}").startswith(f"No module named '{other}'")


def test_files_of_other_packages_cannot_be_read(with_numpy):
    file = importlib.metadata.distribution("pydantic").locate_file("pydantic/__init__.py")
    assert "[Errno" in output(with_numpy, f"open({str(file)!r})")


def test_without_the_setting_there_is_none(sandbox):
    assert sandbox.packages == {}
    assert output(sandbox, "import numpy").startswith("No module named 'numpy'")


def test_what_a_package_needs_comes_with_it():
    found = find_packages(["pandas"])
    assert next(iter(found.versions)) == "pandas"
    assert {"numpy", "python-dateutil"} <= found.versions.keys()
    assert list(found.modules) == ["pandas"]
    assert find_packages(["Pandas", "pandas"]) == found
    assert find_packages([]).paths == []


@pytest.mark.parametrize(
    ("name", "named"), [("no-such-package", "is not installed"), ("rlvf", "in place")]
)
def test_a_package_that_cannot_be_had_is_one_line_at_the_start(name, named):
    with pytest.raises(RlvfError, match=f"sandbox.packages: '{name}' .*{named}") as error:
        Sandbox(SandboxSettings(packages=("numpy", name)))
    assert "\n" not in str(error.value)


def test_a_package_that_cannot_be_imported_is_one_line_at_the_start(tmp_path, monkeypatch):
    folder = tmp_path / "broken-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (folder / "RECORD").write_text("broken.py,,\nbroken-1.dist-info/METADATA,,\n")
    (tmp_path / "broken.py").write_text("import torch")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RlvfError, match=r"import broken fails: ModuleNotFoundError: .*'torch'"):
        Sandbox(SandboxSettings(packages=("broken",)))


def test_the_key_is_in_no_slice_unless_it_is_set():
    assert "packages" not in to_json(SandboxSettings())
    assert "packages" not in load_config(REPOSITORY / "config.yaml").model_dump_json()
    settings = SandboxSettings(packages=("numpy",))
    assert json.loads(to_json(settings))["packages"] == ["numpy"]
    assert parse_settings(to_json(settings), SandboxSettings) == settings


def test_a_package_may_lie_where_the_scratch_folder_would_be(tmp_path, monkeypatch):
    """As in a checkout below /tmp, which must not cost a layer of isolation."""
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "__init__.py").write_text("number = 7\n")
    info = tmp_path / "small-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: small\nVersion: 1.0\n")
    (info / "RECORD").write_text("small/__init__.py,,\nsmall-1.0.dist-info/METADATA,,\n")
    monkeypatch.syspath_prepend(tmp_path)
    code = "import small, os\nopen('x', 'w').close()\nprint(small.number, os.listdir())"
    with Sandbox(SandboxSettings(packages=("small",)), workers=1) as found:
        assert output(found, code) == "7 ['x']\n"
        with Sandbox(SandboxSettings(), workers=1) as usual:
            assert found._connections[0].layers == usual._connections[0].layers


@pytest.mark.parametrize("given", ["numpy", ["numpy; rm"], [1], [""]])
def test_names_are_names(given):
    with pytest.raises(RlvfError, match="packages"):
        parse_settings(json.dumps({"packages": given}), SandboxSettings)


def test_versions_are_in_the_log(tmp_path):
    task = make_task({"kind": "stdio", "stdin": "", "stdout": "1"})
    (tmp_path / "tasks.jsonl").write_text(task.model_dump_json() + "\n")
    line = {"task_id": task.task_id, "sample_id": 0, "completion": "", "tokens": 1}
    line |= {"code": "import numpy\nprint(1)", "finish_reason": "stop"}
    (tmp_path / "completions.jsonl").write_text(json.dumps(line) + "\n")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "rlvf.cli", "execute", "--settings", '{"packages": ["numpy"]}'),
            *("--tasks", "tasks.jsonl", "--completions", "completions.jsonl", "--out", "out.jsonl"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    version = importlib.metadata.version("numpy")
    assert f"execute: candidates may import numpy {version}\n" in done.stderr
    assert json.loads((tmp_path / "out.jsonl").read_text())["verdict"] == "passed"
