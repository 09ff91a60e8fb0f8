"""Processes, files and pipes: nothing is lost, and nothing stays behind."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from rlvf.config import SandboxSettings
from rlvf.errors import RlvfError
from rlvf.records import Task
from rlvf.sandbox import Candidate, Sandbox

GOOD = "def f(x): return x + 1"
TASK = Task(
    task_id="t/1",
    prompt="",
    entry_point="f",
    tests=[{"kind": "assert", "code": "assert f(1) == 2"}],
    reference=GOOD,
    split="test",
)
SERVER = Candidate(TASK, 0, "import os\ndef f(x): return os.getppid()")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder in which sandboxes keep their scratch folders."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def shown(execution):
    """The number that the candidate returned in place of 2."""
    return int(re.search(r"\(values: (\d+)\)", execution.message)[1])


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def wait_until(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


# ---------------------------------------------------------------- order and number


def test_order_is_kept_and_none_is_lost(sandbox):
    code = "import time\ntime.sleep(0.02 * ({0} % 3))\ndef f(x): return {0}"
    candidates = [Candidate(TASK, n, code.format(n + 10)) for n in range(12)]
    executions = sandbox.execute(candidates)
    assert [execution.sample_id for execution in executions] == list(range(12))
    assert [shown(execution) for execution in executions] == list(range(10, 22))


def test_progress_counts_up(sandbox):
    counts = []
    sandbox.execute([Candidate(TASK, n, GOOD) for n in range(3)], counts.append)
    assert counts == [1, 2, 3]


def test_no_candidates(sandbox):
    assert sandbox.execute([]) == []


def descriptors(pid):
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_many_candidates_leave_descriptors_and_memory_alone(sandbox):
    def server_state():
        pid = shown(sandbox.execute([SERVER])[0])
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return descriptors(pid), pages

    candidates = [Candidate(TASK, n, GOOD) for n in range(300)]
    sandbox.execute(candidates)
    own, (open_before, pages) = descriptors("self"), server_state()
    executions = sandbox.execute(candidates * 3)
    assert {execution.verdict for execution in executions} == {"passed"}
    assert descriptors("self") == own
    assert server_state()[0] == open_before
    assert server_state()[1] < pages + 500


# ---------------------------------------------------------------- the candidate's surroundings


def test_the_surroundings_are_clean(run, monkeypatch):
    monkeypatch.setenv("SECRET", "1")
    code = """
import os, sys
def f(x):
    fds = [int(n) for n in os.listdir('/proc/self/fd')]
    assert sorted(fds)[:4] == [0, 1, 2, 3] and len(fds) == 5, fds  # the fifth lists the folder
    assert sorted(os.environ) == ['HOME', 'LANG', 'PATH', 'TMPDIR'], os.environ
    assert os.getcwd() == os.environ['HOME'] and os.listdir() == []
    assert os.getsid(0) == os.getpgid(0) == os.getpid()
    assert not any('site-packages' in path or 'sandbox' in path for path in sys.path), sys.path
    return x + 1
"""
    execution = run(code, "assert f(1) == 2")
    assert execution.verdict == "passed", execution.message


def test_sets_of_strings_have_one_order(sandbox):
    code = "import os\nos.write(1, repr([os.getppid(), hash('a')]).encode())\n" + GOOD
    slow = code + "\nimport time; time.sleep(0.05)"
    executions = sandbox.execute([Candidate(TASK, n, slow) for n in range(4)])
    servers, hashes = zip(*(json.loads(execution.stdout) for execution in executions), strict=True)
    assert (len(set(servers)), len(set(hashes))) == (2, 1)


def test_files_are_limited_and_deleted(temporary):
    code = "import os\nopen('a', 'w').write('x')\nos.mkdir('b')\nopen('b/c', 'wb').write(bytes({}))"
    with Sandbox(SandboxSettings(), workers=1) as sandbox:
        small, big = sandbox.execute(
            [
                Candidate(TASK, 0, code.format(10) + "\n" + GOOD),
                Candidate(TASK, 1, code.format(2**25)),
            ]
        )
        assert (small.verdict, big.error_type) == ("passed", "OSError")
        (server_folder,) = temporary.iterdir()
        assert list(server_folder.iterdir()) == []


def test_output_is_captured_and_cut_to_its_tail(run):
    code = "import sys\nfor i in range(10**5): print(i)\nprint('end', file=sys.stderr)\n" + GOOD
    execution = run(code, "assert f(1) == 2")
    assert execution.verdict == "passed"
    assert len(execution.stdout) == 4096
    assert execution.stdout.endswith("99998\n99999\n")


def test_an_endless_flood_of_output_ends_at_the_time_limit(run, hasty):
    execution = run("import os\nwhile True: os.write(1, b'x' * 65536)", "assert f()", within=hasty)
    assert execution.verdict == "timeout"
    assert execution.stdout == "x" * 65536


def test_a_result_beyond_the_limit_is_wrong_and_not_carried(run):
    execution = run("def f(x): return 'x' * 10**8", "assert f(1) == 2")
    assert execution.verdict == "wrong_answer"


def test_endless_results_buy_no_time(run, hasty):
    code = "import os\nwhile True: os.write(3, b'\\0\\0\\0\\6[\"ok\"]')"
    program = {"kind": "stdio", "stdin": "", "stdout": ""}
    execution = run(code, program, within=hasty)
    assert (execution.verdict, execution.seconds < 2) == ("timeout", True)


@pytest.mark.parametrize("ending", ["time.sleep(60)", "os._exit(0)", "os.abort()", "pass"])
def test_grandchildren_end_with_the_candidate(run, hasty, ending):
    code = (
        "import os, time\npid = os.fork()\nif pid == 0: time.sleep(60)\n"
        f"os.write(1, str(pid).encode())\n{ending}\n{GOOD}"
    )
    execution = run(code, "assert f(1) == 2", within=hasty)
    assert execution.seconds < 2
    wait_until(lambda: not is_running(int(execution.stdout)))


# ---------------------------------------------------------------- failures of the sandbox itself


def test_a_killed_server_is_replaced(sandbox):
    before = shown(sandbox.execute([SERVER])[0])
    os.kill(before, signal.SIGKILL)
    executions = sandbox.execute([Candidate(TASK, n, GOOD) for n in range(8)])
    assert {execution.verdict for execution in executions} == {"passed"}


def test_a_candidate_whose_server_was_killed_is_tried_again(temporary):
    # It can tell a first from a second attempt by a file outside of its scratch folder.
    once = temporary / "once"
    code = (
        f"import os, time\nif not os.path.exists({str(once)!r}):\n"
        f"    open({str(once)!r}, 'w')\n    os.kill(os.getppid(), 9)\n    time.sleep(60)\n" + GOOD
    )
    with Sandbox(SandboxSettings(), workers=1) as sandbox:
        (execution,) = sandbox.execute([Candidate(TASK, 0, code)])
    assert execution.verdict == "passed"


def test_a_server_lost_at_every_attempt_is_an_infrastructure_error(temporary):
    code = "import os, time\nos.kill(os.getppid(), 9)\ntime.sleep(60)"
    with Sandbox(SandboxSettings(), workers=1) as sandbox:
        lost, next_one = sandbox.execute([Candidate(TASK, 0, code), Candidate(TASK, 1, GOOD)])
    assert (lost.verdict, lost.passed, lost.total) == ("infrastructure_error", 0, 1)
    assert next_one.verdict == "passed"


def test_a_scratch_folder_that_cannot_be_made_is_not_the_candidates_fault(temporary):
    with Sandbox(SandboxSettings(), workers=1) as sandbox:
        sandbox.execute([SERVER])
        (server_folder,) = temporary.iterdir()
        server_folder.rmdir()
        (execution,) = sandbox.execute([Candidate(TASK, 0, GOOD)])
    assert execution.verdict == "passed"


def test_a_broken_test_is_reported_with_its_task(sandbox):
    task = TASK.model_copy(update={"setup": "x ="})
    with pytest.raises(RlvfError, match="t/1"):
        sandbox.execute([Candidate(task, 0, GOOD)])


# ---------------------------------------------------------------- closing


def test_closing_leaves_nothing(temporary):
    with Sandbox(SandboxSettings(), workers=1) as sandbox:
        pid = shown(sandbox.execute([SERVER])[0])
    assert not is_running(pid)
    assert list(temporary.iterdir()) == []
    with pytest.raises(RlvfError, match="closed"):
        sandbox.execute([SERVER])


@pytest.mark.parametrize("others", [0, 3])
def test_an_exception_during_execute_closes_the_sandbox(temporary, others):
    def fail(done):
        raise KeyboardInterrupt

    hang = Candidate(TASK, 1, "import time; time.sleep(60)")
    sandbox = Sandbox(SandboxSettings(timeout=60))
    with pytest.raises(KeyboardInterrupt):
        sandbox.execute([Candidate(TASK, 0, GOOD), *[hang] * others], fail)
    assert list(temporary.iterdir()) == []
    with pytest.raises(RlvfError, match="closed"):
        sandbox.execute([])


# A program of its own, to be killed: the sandbox's processes write their numbers to a file.
CLIENT = """
import sys, tempfile
from rlvf.config import SandboxSettings
from rlvf.records import Task
from rlvf.sandbox import Candidate, Sandbox
tempfile.tempdir = sys.argv[1]
task = Task.model_validate_json(sys.argv[2])
Sandbox(SandboxSettings(timeout=60), workers=1).execute([Candidate(task, 0, sys.argv[3])])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_client_that_is_killed_leaves_nothing(tmp_path, number):
    pids = tmp_path / "pids"
    code = (
        "import os, time\n"
        f"with open({str(pids)!r}, 'w') as file: print(os.getpid(), os.getppid(), file=file)\n"
        "time.sleep(60)"
    )
    arguments = [sys.executable, "-c", CLIENT, str(tmp_path), TASK.model_dump_json(), code]
    with subprocess.Popen(arguments, stderr=subprocess.DEVNULL) as client:
        wait_until(lambda: pids.exists() and pids.read_text().endswith("\n"), 20)
        client.send_signal(number)
        assert client.wait(10) != 0
    for pid in map(int, pids.read_text().split()):
        wait_until(lambda pid=pid: not is_running(pid))
    wait_until(lambda: list(tmp_path.iterdir()) == [pids])
