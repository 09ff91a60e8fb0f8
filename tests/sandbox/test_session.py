"""Whatever the session and the machine are like decides no verdict."""

import decimal
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from rlvf import machine
from rlvf.errors import RlvfError
from rlvf.sandbox import Candidate, Sandbox, connection
from rlvf.sandbox.inside import values
from rlvf.settings import SandboxSettings

from .conftest import make_task
from .processes import children, session, wait_until

ROOT = Path(__file__).parents[2]
TEST = "assert f(1) == 2"
TASK = make_task(TEST)
RIGHT = "def f(x): return x + 1\n"
# Computes for so many seconds of processor time.
WORK = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass\n"
# Says what became of a candidate, for a task whose test and set-up code are given.
SCRIPT = """
import sys
from rlvf.errors import RlvfError
from rlvf.sandbox import Candidate, Sandbox
from rlvf.settings import SandboxSettings
from tests.sandbox.conftest import make_task
code, test, setup = sys.argv[1:]
try:
    with Sandbox(SandboxSettings(), workers=1) as sandbox:
        (one,) = sandbox.execute([Candidate(make_task(test, setup=setup), 0, code)])
        result = f"{one.verdict}: {one.message}"
except RlvfError as error:
    result = f"error: {error}"
open(3, "w").write(result)
"""


def result_in(prelude, code=RIGHT, test=TEST, setup="", **environment):
    """What SCRIPT says after these lines of bash."""
    reading, writing = os.pipe()
    shell = f'{prelude}\nexec "$@" 3>&{writing}'
    subprocess.run(
        ["bash", "-c", shell, "bash", sys.executable, "-c", SCRIPT, code, test, setup],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/src", **environment},
        pass_fds=[writing],
        check=False,
    )
    os.close(writing)
    with open(reading) as stream:
        return stream.read()


def execute(sandbox, *codes, task=TASK):
    return [one.verdict for one in sandbox.execute(Candidate(task, 0, code) for code in codes)]


# ---------------------------------------------------------------- limits of the session


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("-t 61", "61 seconds of processor time and a candidate needs 62"),
        ("-v 400000", "400000 KiB of address space and a candidate needs 524288"),
        ("-d 400000", "400000 KiB of data and a candidate needs 524288"),
        ("-s 1024", "1024 KiB of stack and a candidate needs 524288"),
        ("-f 1000", "1000 KiB in a file and a candidate needs 16384"),
        ("-n 40", "40 open files and a candidate needs 64"),
        ("-u 100", "100 threads of the user, those that run now included, and a candidate needs"),
    ],
)
def test_a_hard_limit_that_is_too_low_keeps_a_run_from_starting(limit, said):
    result = result_in(f"ulimit {limit}")
    assert result.startswith("error: the sandbox cannot start: this session may have ")
    assert said in result and f"ulimit {limit[:2]}" in result
    assert "\n" not in result


SEEN = """
import resource as r, signal, os, time
def f(x):
    limits = r.RLIMIT_AS, r.RLIMIT_CPU, r.RLIMIT_FSIZE, r.RLIMIT_NOFILE, r.RLIMIT_CORE
    handlers = [str(signal.getsignal(n)) for n in (1, 2, 14, 15, 17)]
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    return [*map(r.getrlimit, limits)], r.getrlimit(r.RLIMIT_STACK)[0], handlers, blocked, \\
        os.umask(0), time.tzname, time.localtime(0)[:5], os.getcwd() == os.environ["HOME"]
"""


@pytest.fixture(scope="module")
def usual():
    return result_in("", SEEN)


@pytest.mark.parametrize(
    "prelude",
    [
        *("umask 077", "umask 777", "trap '' HUP INT ALRM TERM CHLD PIPE", "exec 0<&- 1>&- 2>&-"),
        *("ulimit -s unlimited", "ulimit -Ss 1024", "ulimit -Sv 450000", "ulimit -St 50"),
        *("ulimit -Sf 9", "ulimit -Sn 30", "ulimit -Sd 300000", "ulimit -c unlimited"),
        *("export TZ=Asia/Tokyo", "export LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0"),
        *("export PYTHONOPTIMIZE=2", "export PYTHONWARNINGS=error", "export TMPDIR=/nonexistent"),
        "cd $(mktemp -d) && rmdir $PWD",
    ],
)
def test_a_candidate_sees_nothing_of_the_session(usual, prelude):
    assert usual.startswith("wrong_answer: assert f(1) == 2 (values: ([(536870912, 536870912), ")
    assert result_in(prelude, SEEN) == usual


@pytest.mark.parametrize(
    ("code", "test", "setup", "verdict"),
    [
        # Run whole, with the assert that -O leaves out.
        ("def f(x): return 0", "for i in range(2): assert f(i) == 1", "", "wrong_answer"),
        ("def f(x): return '\\\\d'", "assert f(1) == '\\d'", "", "passed"),
        (
            "import datetime\ndef f(x): return datetime.datetime(1970, 1, 1)",
            "assert f(1) == epoch == datetime.datetime.fromtimestamp(0) and f(1).timestamp() == 0",
            "import datetime\nepoch = datetime.datetime.fromtimestamp(0)",
            "passed",
        ),
        ("def f(x): return 10 ** 5000", "assert len(str(f(1))) == 5001", "", "runtime_error"),
    ],
)
def test_a_decision_sees_nothing_of_the_session(code, test, setup, verdict):
    environment = {
        "PYTHONOPTIMIZE": "1",
        "PYTHONWARNINGS": "error",
        "PYTHONINTMAXSTRDIGITS": "0",
        "TZ": "Asia/Tokyo",
    }
    assert result_in("", code, test, setup, **environment).startswith(f"{verdict}: ")


def test_a_decision_sees_nothing_of_the_trainer(sandbox):
    task = make_task(
        "assert f(1) / 3 == Decimal('0.3333333333333333333333333333')",
        "assert deep(f(1), 800) == 1",
        setup="from decimal import Decimal\ndef deep(x, n): return x if n == 0 else deep(x, n - 1)",
    )
    code = "from decimal import Decimal\ndef f(x): return Decimal(1)"
    recursion = sys.getrecursionlimit()
    with decimal.localcontext() as context:
        context.prec = 5
        sys.setrecursionlimit(600)
        try:
            assert execute(sandbox, code, task=task) == ["passed"]
            assert (sys.getrecursionlimit(), decimal.getcontext().prec) == (600, 5)
        finally:
            sys.setrecursionlimit(recursion)


# ---------------------------------------------------------------- before the candidate's first line


def test_a_fault_before_the_first_line_is_not_the_candidates(sandbox, monkeypatch):
    dumps = connection.marshal.dumps

    def spoiled(part):
        return dumps(part) if "runs" in part else b"no job"

    monkeypatch.setattr(connection.marshal, "dumps", spoiled)
    (lost,) = sandbox.execute([Candidate(TASK, 0, RIGHT)])
    assert (lost.verdict, lost.tests[0].verdict) == ("infrastructure_error",) * 2
    assert "cannot prepare a candidate: ValueError: bad marshal data" in lost.message
    monkeypatch.undo()
    assert execute(sandbox, RIGHT) == ["passed"]


def test_a_session_that_loses_its_limits_gives_infrastructure_errors():
    script = SCRIPT.replace("        (one,)", LOSS + "        (one,)")
    said = subprocess.run(
        [sys.executable, "-c", script.replace('open(3, "w").write', "print"), RIGHT, TEST, ""],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/src"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.startswith("infrastructure_error: ")
    assert "60 open files and a candidate needs 64" in said


LOSS = """
        import os, resource, signal
        from tests.sandbox.processes import session, wait_until
        resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))
        leader = sandbox.processes[0]
        os.kill(leader, signal.SIGKILL)
        wait_until(lambda: not session(leader))
"""


# ---------------------------------------------------------------- time


def server_of(sandbox):
    """The process that forks candidates."""
    pids = [sandbox.processes[0]]
    while found := children(pids[-1]):
        pids += found
    return pids[-1]


HASTY = SandboxSettings(timeout=0.5, wall_factor=1)


@pytest.mark.parametrize("whom", ["candidate", "server", "all"])
def test_time_in_which_a_process_is_stopped_does_not_count(whom):
    with Sandbox(HASTY, workers=1) as sandbox:
        server = server_of(sandbox)
        found = []
        executions = sandbox.execute([Candidate(TASK, 0, WORK.format(0.4) + RIGHT)])
        child = os.fork()
        if child == 0:
            stop_when_it_computes(server, whom, sandbox.processes[0])
        found = [one.verdict for one in executions]
        os.waitpid(child, 0)
    assert found == ["passed"]


def stop_when_it_computes(server, whom, leader):
    """Stop processes for a second once the candidate has computed for a while, and leave."""
    try:
        wait_until(lambda: any(processor_time(pid) > 0.1 for pid in children(server)), 60)
        pids = {"candidate": children(server), "server": {server}, "all": session(leader)}[whom]
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for pid in pids:
                os.kill(pid, number)
            time.sleep(1)
    finally:
        os._exit(0)


def processor_time(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_time_in_which_nobody_takes_the_replies_does_not_count():
    large = 540_000  # two of these are more than a server keeps
    code = WORK.format(0) + "def f(x):\n" + textwrap.indent(WORK.format("x"), " ") + " return x\n"
    code += "def g(x): return 'x' * x\n"
    task = make_task(*[f"assert g({large}) == 'x' * {large}"] * 2, *["assert f(0.2) == 0.2"] * 5)

    def slowly():
        yield Candidate(task, 0, code)
        time.sleep(0.8)
        yield Candidate(TASK, 0, RIGHT)

    with Sandbox(HASTY, workers=1) as sandbox:
        first, _ = sandbox.execute(slowly())
    assert first.verdict == "passed"
    assert first.times.seconds < 1.5


def test_time_in_which_others_compute_does_not_count():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        with Sandbox(HASTY, workers=8) as sandbox:
            assert execute(sandbox, *[WORK.format(0.3) + RIGHT] * 8) == ["passed"] * 8
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize(
    "code",
    [
        "while True: time.sleep(0.01)",
        "while True: time.sleep(0)",
        "import concurrent.futures as c\nlist(c.ThreadPoolExecutor(9).map(time.sleep, [60] * 9))",
        # A name that looks like a state.
        "import ctypes\nctypes.CDLL(None).prctl(15, b') R 1')\ntime.sleep(60)",
    ],
)
def test_time_that_a_candidate_wastes_counts(hasty, code):
    assert execute(hasty, f"import time\n{code}\n{RIGHT}") == ["timeout"]


def test_a_slow_machine_has_more_seconds_for_a_decision(monkeypatch):
    clock = values.Clock(0.02)
    clock.check()
    begin = time.thread_time()
    monkeypatch.setattr(values, "_WORK_SECONDS", values._WORK_SECONDS / 50)  # as if 50 times slower
    while time.thread_time() - begin < 0.1:
        clock.check()
    monkeypatch.undo()
    with pytest.raises(OverflowError, match="too long"):
        while time.thread_time() - begin < 20:
            clock.check()


# ---------------------------------------------------------------- known answers


def test_nothing_starts_where_a_right_answer_does_not_pass():
    said = r"should be passed is .*\"memory_mb\":16"
    with pytest.raises(RlvfError, match=said) as error:
        Sandbox(SandboxSettings(memory_mb=16), workers=1)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("what", "least"), [("memory", 512 << 20), ("free_threads", 256)])
def test_a_control_group_that_has_too_little_keeps_a_run_from_starting(monkeypatch, what, least):
    monkeypatch.setattr(machine, what, lambda: least - 1)
    with pytest.raises(RlvfError, match="control group") as error:
        Sandbox(SandboxSettings(), workers=1)
    assert re.search("sandbox.memory_mb = 512|pids.max", str(error.value))
