"""Each attack of attacks.py: scored as not passed, in time, and nothing of it stays.

test_places.py runs this file again where the kernel grants less, and as another user.
"""

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from rlvf.sandbox import Candidate, Sandbox
from rlvf.settings import SandboxSettings

from .attacks import ATTACKS, FILES, NETWORK, RIGHT, SECRET, table
from .conftest import make_task
from .processes import session, wait_until

TASK = make_task(f"assert f(1) == {SECRET!r}")
SETTINGS = SandboxSettings(
    timeout=0.5, total_timeout=0.8, wall_factor=2.0, memory_mb=256, output_kb=4
)
if minimum := os.environ.get("RLVF_TEST_MINIMUM"):  # set by test_places.py
    SETTINGS = SETTINGS.model_copy(update={"minimum": tuple(minimum.split(","))})
# On a quiet machine 2.6 s; on a busy one less than the minute that some attacks want.
LONGEST = 20
# That the attack itself is broken.
MISTAKES = {"NameError", "SyntaxError", "TypeError", "AttributeError", "IndentationError"}
# Safe, and possible for anybody: to be tried where nothing stops them.
HARMLESS = {
    *(name for name in FILES if name not in ("reads a disk", "reads a home folder")),
    *(name for name in NETWORK if name != "asks for a name"),
    *("forks", "starts a program", "uses multiprocessing", "makes namespaces"),
    *("opens files without number", "takes memory that is shared", "outlives its parent"),
    *("calls the kernel as a 32-bit program", "kills its parent's threads"),
} - {
    *("reads the sandbox's own code", "imports an installed package", "reads installed packages"),
    *("reaches its parent's pipes as files", "reads its parent's memory as a file"),
    *("makes a device", "marks a file of another", "kills its parent's threads"),
    *("reaches the pipes of all others as files", "makes a device by renaming"),
    *("leaves files that nobody may open", "leaves files with names that are no text"),
    "moves its scratch folder away",
}


@pytest.fixture(scope="module")
def surroundings():
    """What attacks reach for: a folder that anybody may write, sockets that listen."""
    with tempfile.TemporaryDirectory(prefix="rlvf-canary-") as folder:
        os.chmod(folder, 0o777)
        canary = Path(folder)
        with (
            socket.create_server(("127.0.0.1", 0)) as port,
            socket.socket(socket.AF_UNIX) as unix,
            socket.socket(socket.AF_UNIX) as abstract,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagram,
        ):
            unix.bind(f"{folder}.socket")
            abstract.bind(f"\0rlvf-attack-{os.getpid()}")
            datagram.bind(f"{folder}.socket.datagram")
            for listener in (unix, abstract):
                listener.listen()
            names = {"port": port.getsockname()[1], "unix": f"{folder}.socket"}
            yield {"canary": canary, **names, "abstract": f"rlvf-attack-{os.getpid()}"}
            os.unlink(f"{folder}.socket")
            os.unlink(f"{folder}.socket.datagram")


@pytest.fixture
def canary(surroundings):
    """The file that attacks try to change, as it was."""
    file = surroundings["canary"] / "file"
    file.write_text("untouched")
    file.chmod(0o666)
    return file


def state(file):
    status = file.stat()
    content = file.read_text()
    return content, status.st_mode, status.st_mtime_ns, os.listxattr(file), [*file.parent.iterdir()]


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(SETTINGS, workers=1) as sandbox:
        list(sandbox.execute([Candidate(TASK, 0, RIGHT)]))
        yield sandbox


@pytest.fixture
def processes(sandbox):
    """The numbers of the sandbox's processes, candidates included."""
    return lambda: session(sandbox.processes[0])


@pytest.mark.parametrize("name", ATTACKS)
def test_the_attack_is_not_passed_and_leaves_nothing(
    sandbox, surroundings, canary, processes, name
):
    code = ATTACKS[name].code.format(**surroundings)
    before, running = state(canary), processes()
    attack, after = sandbox.execute([Candidate(TASK, 0, code), Candidate(TASK, 1, RIGHT)])
    assert attack.verdict not in ("passed", "infrastructure_error"), attack
    assert attack.error_type not in MISTAKES, attack
    assert attack.times.seconds < LONGEST
    assert state(canary) == before
    wait_until(lambda: processes() == running)
    assert (after.verdict, after.message) == ("passed", "")
    assert not list(Path("/dev/shm").glob("rlvf-attack*"))
    assert not Path("/var/tmp/rlvf-attack").exists()


@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_the_attack_works_where_nothing_stops_it(surroundings, canary, tmp_path, name):
    code = ATTACKS[name].code.format(**surroundings) + f"\nassert f(1) == {SECRET!r}"
    python = [sys.executable, "-S", "-c", code]
    result = subprocess.run(python, cwd=tmp_path, capture_output=True, text=True, check=False)
    for left in (Path("/var/tmp/rlvf-attack"), Path("/dev/shm/rlvf-attack"), tmp_path.parent / "x"):
        left.unlink(missing_ok=True)
    (surroundings["canary"] / "other").unlink(missing_ok=True)
    assert result.returncode == 0, result.stderr


# ---------------------------------------------------------------- what one leaves for the next


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("open('a', 'w').write('x')", "import os\nassert os.listdir() == []"),
        ("open('math.py', 'w').write('pi = 3')", "import math\nassert math.pi > 3"),
        ("import math\nmath.pi = 3", "import math\nassert math.pi > 3"),
        ("import os\nos.environ['A'] = 'b'", "import os\nassert 'A' not in os.environ"),
        ("import os\nos.set_blocking(1, False)", "import os\nassert os.get_blocking(1)"),
        ("import os\nos.umask(0o777)", "import os\nassert os.umask(0) == 0o022"),
        ("import sys\nsys.path.insert(0, '.')", "import sys\nassert '.' not in sys.path"),
        ("import gc\ngc.disable()", "import gc\nassert gc.isenabled()"),
        ("import os\nos.chdir('/')", "import os\nassert os.getcwd() == os.environ['HOME']"),
        (
            "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)",
            "import signal\nassert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL",
        ),
    ],
)
def test_a_candidate_changes_nothing_for_the_next(sandbox, first, then):
    codes = [f"{code}\n{RIGHT}" for code in (first, then)]
    one, two = sandbox.execute([Candidate(TASK, n, code) for n, code in enumerate(codes)])
    assert one.verdict == ("passed" if has_scratch(one) or "open(" not in first else "blocked")
    assert (two.verdict, two.message) == ("passed", "")


def has_scratch(execution):
    """Whether files can be made: only in a root of its own."""
    return "namespaces" in execution.isolation


# ---------------------------------------------------------------- what honest candidates may do


@pytest.mark.parametrize(
    "code",
    [
        "import threading\nt = threading.Thread(target=print); t.start(); t.join()",
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(8) as pool: assert sum(pool.map(abs, range(9))) == 36",
        "import asyncio\nasync def g(): await asyncio.sleep(0)\nasyncio.run(g())",
        "import sqlite3\nassert sqlite3.connect(':memory:').execute('select 1').fetchone() == (1,)",
        "import sys, threading\nsys.setrecursionlimit(10**6)\nthreading.stack_size(1 << 26)\n"
        "def deep(n): return n and deep(n - 1)\n"
        "t = threading.Thread(target=deep, args=(20000,)); t.start(); t.join()",
        "import resource\nresource.setrlimit(resource.RLIMIT_STACK, (1 << 26, 1 << 26))",
        "import random, secrets, uuid, hashlib, zlib, decimal, fractions, statistics\nuuid.uuid4()",
        "import zoneinfo, datetime\ndatetime.datetime.now(zoneinfo.ZoneInfo('Europe/Vilnius'))",
        "import multiprocessing, subprocess, socket, ctypes, urllib.request, unittest.mock",
        "import os, time\nos.cpu_count(); os.getpid(); time.sleep(0.001); os.urandom(4)",
        "import signal\nsignal.signal(signal.SIGALRM, print)\nsignal.setitimer(0, 0.001)\n"
        "import time; time.sleep(0.01)",
        "import json, csv, io, pickle\nassert pickle.loads(pickle.dumps([1])) == [1]",
    ],
)
def test_honest_candidates_can(sandbox, code):
    (execution,) = sandbox.execute([Candidate(TASK, 0, f"{code}\n{RIGHT}")])
    assert (execution.verdict, execution.message) == ("passed", "")


def test_files_can_be_made_in_a_root_of_its_own_only(sandbox):
    code = f"import tempfile\nwith tempfile.TemporaryFile() as file: file.write(b'x')\n{RIGHT}"
    (execution,) = sandbox.execute([Candidate(TASK, 0, code)])
    expected = (
        ("passed", None) if has_scratch(execution) else ("runtime_error", "FileNotFoundError")
    )
    assert (execution.verdict, execution.error_type) == expected


def test_threads_end_with_their_candidate(sandbox, processes):
    code = "from threading import Thread\nimport time\n"
    code += "for i in range(20): Thread(target=time.sleep, args=(9,)).start()\n"
    running = processes()
    (execution,) = sandbox.execute([Candidate(TASK, 0, code + RIGHT)])
    assert (execution.verdict, execution.message) == ("passed", "")
    wait_until(lambda: processes() == running)


# ---------------------------------------------------------------- the documentation


def test_the_documentation_names_every_attack():
    text = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()
    assert table() in text, "paste the output of: python -m tests.sandbox.attacks"
