"""Processes, files and pipes: nothing is lost, and nothing stays behind."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rlvf.errors import RlvfError
from rlvf.records import Task
from rlvf.sandbox import Candidate, Sandbox, connection
from rlvf.settings import SandboxSettings

from .processes import children, session, wait_until

GOOD = "def f(x): return x + 1"
TASK = Task(
    task_id="t/1",
    prompt="",
    entry_point="f",
    tests=[{"kind": "assert", "code": "assert f(1) == 2"}],
    reference=GOOD,
    split="test",
)
SLEEPER = Candidate(TASK, 0, "import time\ntime.sleep(60)")


@pytest.fixture
def scratch_home(tmp_path, monkeypatch):
    """The folder in which sandboxes keep their scratch folders."""
    monkeypatch.setattr(connection, "_MEMORY", str(tmp_path))
    return tmp_path


@pytest.fixture
def single(scratch_home):
    """A sandbox of one worker and with little patience."""
    with Sandbox(SandboxSettings(timeout=5), workers=1) as sandbox:
        yield sandbox


def execute(sandbox, *codes):
    return list(sandbox.execute(Candidate(TASK, n, code) for n, code in enumerate(codes)))


def shown(execution):
    """The number that the candidate returned in place of 2."""
    return int(re.search(r"\(values: (\d+)\)", execution.message)[1])


def chain(sandbox):
    """From the process that was started to the server, each the child of the one before."""
    pids = [sandbox.processes[0]]
    while found := children(pids[-1]):
        (child,) = found
        pids.append(child)
    return pids


# ---------------------------------------------------------------- order and number


def test_order_is_kept_and_none_is_lost(sandbox):
    code = "import time\ntime.sleep(0.02 * ({0} % 3))\ndef f(x): return {0}"
    executions = execute(sandbox, *(code.format(n + 10) for n in range(12)))
    assert [execution.sample_id for execution in executions] == list(range(12))
    assert [shown(execution) for execution in executions] == list(range(10, 22))


def test_candidates_are_read_only_a_little_ahead(sandbox):
    taken = []
    candidates = (taken.append(n) or Candidate(TASK, n, GOOD) for n in range(1000))
    executions = sandbox.execute(candidates)
    assert next(executions).sample_id == 0
    assert len(taken) < 100
    assert sum(1 for _ in executions) == 999


def test_one_who_stops_listening_can_begin_anew(sandbox):
    executions = sandbox.execute(Candidate(TASK, n, GOOD) for n in range(100))
    next(executions)
    executions.close()
    assert [execution.verdict for execution in execute(sandbox, GOOD)] == ["passed"]


def test_two_can_take_turns(single):
    ones, others = (
        single.execute(Candidate(TASK, n, f"def f(x): return {n}") for n in numbers)
        for numbers in (range(10, 14), range(20, 24))
    )
    pairs = [(shown(one), shown(other)) for one, other in zip(ones, others, strict=True)]
    assert pairs == [(10, 20), (11, 21), (12, 22), (13, 23)]


def test_threads_can_share_a_sandbox(sandbox):
    with ThreadPoolExecutor(3) as threads:
        executions = list(threads.map(lambda _: execute(sandbox, *[GOOD] * 10), range(3)))
    assert [[one.verdict for one in found] for found in executions] == [["passed"] * 10] * 3


def test_a_large_completion_does_not_hold_up_others(sandbox):
    # More than a pipe takes at once.
    codes = [GOOD, GOOD + "\n#" + "x" * 10**6] * 4
    assert {one.verdict for one in execute(sandbox, *codes)} == {"passed"}


def test_no_candidates(sandbox):
    assert list(sandbox.execute([])) == []


def descriptors(pid):
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_many_candidates_leave_descriptors_and_memory_alone(single):
    def server_state():
        pid = chain(single)[-1]
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return descriptors(pid), pages

    execute(single, *[GOOD] * 300)
    own, (open_before, pages) = descriptors("self"), server_state()
    assert {execution.verdict for execution in execute(single, *[GOOD] * 900)} == {"passed"}
    assert descriptors("self") == own
    assert server_state()[0] == open_before
    assert server_state()[1] < pages + 500


# ---------------------------------------------------------------- the candidate's surroundings


def test_the_surroundings_are_clean(run, monkeypatch):
    monkeypatch.setenv("SECRET", "1")
    code = """
import os, sys
def is_open(descriptor):
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
def f(x):
    assert [n for n in range(1000) if is_open(n)] == [0, 1, 2, 3]
    assert sorted(os.environ) == ['HOME', 'LANG', 'PATH', 'TMPDIR', 'TZ'], os.environ
    assert os.getcwd() == os.environ['HOME'] and os.listdir() == []
    assert not any('site-packages' in path or 'sandbox' in path for path in sys.path), sys.path
    assert sys.argv == ['-c']
    return x + 1
"""
    execution = run(code, "assert f(1) == 2")
    assert (execution.verdict, execution.message) == ("passed", "")


def test_sets_of_strings_have_one_order(sandbox):
    code = f"import time; time.sleep(0.05); print(hash('a'))\n{GOOD}"
    hashes = {json.loads(execution.stdout) for execution in execute(sandbox, *[code] * 4)}
    assert len(hashes) == 1


def test_output_is_captured_and_cut_to_its_tail(run):
    code = "import sys\nfor i in range(10**5): print(i)\nprint('end', file=sys.stderr)\n" + GOOD
    execution = run(code, "assert f(1) == 2")
    assert execution.verdict == "passed"
    assert len(execution.stdout) == 4096
    assert execution.stdout.endswith("99998\n99999\n")


def test_an_endless_flood_of_output_ends_where_a_file_may_hold_no_more(run):
    execution = run("import os\nwhile True: os.write(1, b'x' * 65536)", "assert f()")
    assert (execution.verdict, execution.error_type) == ("runtime_error", "OSError")
    assert execution.message == "[Errno 27] File too large (line 2)"
    assert execution.stdout == "x" * 4096


def test_a_result_beyond_the_limit_is_wrong_and_not_carried(run):
    execution = run("def f(x): return 'x' * 10**8", "assert f(1) == 2")
    assert execution.verdict == "wrong_answer"


def test_endless_results_buy_no_time(run, hasty):
    code = "import os\nwhile True: os.write(3, b'\\0\\0\\0\\6[\"ok\"]')"
    program = {"kind": "stdio", "stdin": "", "stdout": ""}
    execution = run(code, program, within=hasty)
    assert (execution.verdict, execution.times.seconds < 2) == ("timeout", True)


# ---------------------------------------------------------------- limits


def test_the_time_limit_is_processor_time(scratch_home, busy_cores):
    """On cores that six others keep busy, a second of work takes three and more."""
    code = "import time\ndef f(x):\n while time.process_time() < 1: pass\n return x + 1"
    with Sandbox(SandboxSettings(timeout=1.5, wall_factor=20), workers=1) as sandbox:
        (execution,) = execute(sandbox, code)
    assert (execution.verdict, execution.times.seconds > 1.5) == ("passed", True)


def test_all_tests_together_have_a_limit(scratch_home):
    code = "import time\ndef f(x):\n end = time.process_time() + 0.4\n"
    code += " while time.process_time() < end: pass\n return x"
    tests = [{"kind": "call", "function": "f", "args": [n], "expected": n} for n in range(5)]
    task = TASK.model_copy(
        update={"tests": Task.model_validate({**dict(TASK), "tests": tests}).tests}
    )
    with Sandbox(SandboxSettings(timeout=1, total_timeout=1), workers=1) as sandbox:
        (execution,) = sandbox.execute([Candidate(task, 0, code)])
    assert [test.verdict for test in execution.tests] == ["passed"] * 2 + ["timeout"] * 3


def test_programs_share_the_limit_for_all(scratch_home):
    code = "import time\nend = time.process_time() + 0.6\nwhile time.process_time() < end: pass"
    program = {"kind": "stdio", "stdin": "", "stdout": ""}
    task = Task.model_validate({**dict(TASK), "tests": [program] * 3})
    with Sandbox(SandboxSettings(timeout=1, total_timeout=1), workers=1) as sandbox:
        (execution,) = sandbox.execute([Candidate(task, 0, code)])
    assert [test.verdict for test in execution.tests] == ["passed", "timeout", "timeout"]


def test_the_kernel_keeps_the_limit_where_the_server_is_late(scratch_home):
    with Sandbox(SandboxSettings(timeout=1, total_timeout=1), workers=1) as sandbox:
        server = chain(sandbox)[-1]
        executions = sandbox.execute([Candidate(TASK, 0, "while True: pass")])
        worker = threading.Thread(target=lambda: results.extend(executions))
        results = []
        worker.start()
        wait_until(lambda: children(server))
        os.kill(server, signal.SIGSTOP)
        wait_until(lambda: not children(server))
        os.kill(server, signal.SIGCONT)
        worker.join()
    assert (results[0].verdict, results[0].message) == (
        "timeout",
        "time limit exceeded",
    )


# ---------------------------------------------------------------- failures of the sandbox itself


@pytest.mark.parametrize("place", [0, 1, -1])
def test_a_process_that_is_killed_is_replaced(single, place):
    execute(single, GOOD)
    os.kill(chain(single)[place], signal.SIGKILL)
    assert {execution.verdict for execution in execute(single, *[GOOD] * 8)} == {"passed"}


class Killer:
    """Kills a process of the sandbox whenever a candidate runs, so many times."""

    def __init__(self, sandbox, whom, times):
        self.sandbox, self.whom, self.left = sandbox, whom, times
        self.idle = len(chain(sandbox))
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.left = 0
        self.thread.join()

    def run(self):
        before: list[int] = []
        while self.left:
            time.sleep(0.1)
            with contextlib.suppress(ValueError, ProcessLookupError):  # the tree is changing
                pids = chain(self.sandbox)
                if len(pids) > self.idle and pids == before:
                    os.kill(pids[-1 if self.whom == "candidate" else -2], signal.SIGKILL)
                    self.left -= 1
                before = pids


@pytest.mark.parametrize("whom", ["server", "candidate"])
def test_a_candidate_that_was_lost_is_tried_again(single, whom):
    code = "import time\ntime.sleep(1)\n" + GOOD
    with Killer(single, whom, times=1) as killer:
        (execution,) = execute(single, code)
    assert (execution.verdict, killer.left) == ("passed", 0)


@pytest.mark.parametrize("whom", ["server", "candidate"])
def test_a_candidate_lost_at_every_attempt_is_an_infrastructure_error(single, whom):
    with Killer(single, whom, times=3):
        (lost,) = single.execute([SLEEPER])
    assert (lost.verdict, lost.passed, lost.total) == ("infrastructure_error", 0, 1)
    assert [execution.verdict for execution in execute(single, GOOD)] == ["passed"]


def test_a_server_that_hangs_is_replaced(single, monkeypatch):
    monkeypatch.setattr(connection, "_PATIENCE", 1.0)
    monkeypatch.setattr(single, "_settings", SandboxSettings(timeout=0.5, total_timeout=0.5))
    os.kill(chain(single)[-1], signal.SIGSTOP)
    assert [execution.verdict for execution in execute(single, GOOD)] == ["passed"]


def test_a_scratch_folder_that_cannot_be_made_is_not_the_candidates_fault(single, monkeypatch):
    monkeypatch.setattr(connection, "_MEMORY", "/dev")  # writable by root, refused by its kind
    monkeypatch.setattr(connection.tempfile, "mkdtemp", refuse)
    os.kill(chain(single)[0], signal.SIGKILL)
    (execution,) = execute(single, GOOD)
    assert execution.verdict == "infrastructure_error"
    monkeypatch.undo()
    assert [execution.verdict for execution in execute(single, GOOD)] == ["passed"]


def refuse(**_):
    raise OSError(28, "No space left on device")


def test_a_python_that_does_not_start_is_reported(monkeypatch):
    monkeypatch.setattr(connection, "_PYTHON", ("/nonexistent/python",))
    with pytest.raises(RlvfError, match=r"the sandbox cannot start: .*No such file"):
        Sandbox(SandboxSettings())


def test_a_broken_test_is_reported_with_its_task(scratch_home):
    task = TASK.model_copy(update={"setup": "x ="})
    with Sandbox(SandboxSettings(), workers=1) as sandbox, pytest.raises(RlvfError, match="t/1"):
        list(sandbox.execute([Candidate(task, 0, GOOD)]))


# ---------------------------------------------------------------- closing


def test_closing_leaves_nothing(scratch_home):
    with Sandbox(SandboxSettings(), workers=1) as sandbox:
        leader = sandbox.processes[0]
        execute(sandbox, GOOD)
        assert session(leader)
    wait_until(lambda: not session(leader))
    assert list(scratch_home.iterdir()) == []
    with pytest.raises(RlvfError, match="closed"):
        execute(sandbox, GOOD)


def test_a_sandbox_can_be_closed_while_it_executes(scratch_home):
    sandbox = Sandbox(SandboxSettings(timeout=60))
    leaders = sandbox.processes
    timer = threading.Timer(0.3, sandbox.close)
    timer.start()
    with pytest.raises(RlvfError, match="closed"):
        list(sandbox.execute([SLEEPER] * 3))
    timer.join()
    wait_until(lambda: not any(session(leader) for leader in leaders))
    assert list(scratch_home.iterdir()) == []


# A program of its own, to be killed. It prints the number of the sandbox's process.
CLIENT = """
import sys
from rlvf.settings import SandboxSettings
from rlvf.records import Task
from rlvf.sandbox import Candidate, Sandbox, connection
connection._MEMORY = sys.argv[1]
task = Task.model_validate_json(sys.argv[2])
sandbox = Sandbox(SandboxSettings(timeout=60), workers=1)
print(sandbox.processes[0], flush=True)
input()
list(sandbox.execute([Candidate(task, 0, "import time; time.sleep(60)")] * 3))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_client_that_is_killed_leaves_nothing(tmp_path, number):
    arguments = [sys.executable, "-c", CLIENT, str(tmp_path), TASK.model_dump_json()]
    with subprocess.Popen(
        arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as program:
        leader = int(program.stdout.readline())
        idle = len(session(leader))
        program.stdin.write("go on\n")
        program.stdin.flush()
        wait_until(lambda: len(session(leader)) > idle)
        assert list(tmp_path.iterdir())
        program.send_signal(number)
        assert program.wait(10) != 0
    wait_until(lambda: not session(leader))
    assert list(tmp_path.iterdir()) == []
