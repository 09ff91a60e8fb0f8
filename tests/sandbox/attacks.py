"""Attacks on an execution reward, each with what stops it.

The test is `assert f(1) == SECRET`, of which a candidate sees `f(1)`. An attack whose first step
must fail goes on to return a right answer: it is scored as passed exactly when the attack worked.
`python -m tests.sandbox.attacks` prints the table of docs/sandbox.md.
"""

from typing import NamedTuple

SECRET = "value-8d1f"
# What a candidate returns that got where it should not: the right answer.
RIGHT = f"def f(x): return 'value-' + '{SECRET[6:]}'\n"

# Names that the codes of attacks use, filled in by the tests: `{canary}` is a folder that anybody
# may write, with a file in it; `{port}` and `{unix}` are being listened to.
_C = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def c(name, *arguments):
    if getattr(libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)
"""


class Attack(NamedTuple):
    """`code` is the candidate; `stopped_by` is for the documentation."""

    code: str
    stopped_by: str


_OUTSIDE = "the verdict is made outside, from values"
_PLAIN = "only plain data travels; any other object equals nothing"
_ABSENT = "the expected value is never in the candidate's process"
_SECCOMP = "seccomp"
_FILES = "Landlock; a root of its own"
_TIME = "time limits, kept by the server"

FORGERY = {
    "leaves with success at import": Attack("import sys; sys.exit(0)", _OUTSIDE),
    "leaves with success at once": Attack("import os; os._exit(0)", _OUTSIDE),
    "leaves with success in the test": Attack("import os\ndef f(x): os._exit(0)", _OUTSIDE),
    "prints what a passing run prints": Attack(
        "print('passed\\nOK\\n1 passed in 0.01s')\nimport os; os._exit(0)", _OUTSIDE
    ),
    "returns an object that equals everything": Attack(
        "class E:\n def __eq__(self, o): return True\n __hash__ = None\ndef f(x): return E()",
        _PLAIN,
    ),
    "returns a string that equals everything": Attack(
        "class E(str):\n def __eq__(self, o): return True\n __hash__ = None\n"
        "def f(x): return E('no')",
        _PLAIN,
    ),
    "lies about its class": Attack(
        "class E:\n __class__ = str\n def __eq__(self, o): return True\ndef f(x): return E()",
        _PLAIN,
    ),
    "hides behind a metaclass": Attack(
        "class M(type):\n def mro(cls): return [cls, str, object]\n"
        " def __eq__(cls, o): return True\n __hash__ = type.__hash__\n"
        "class E(str, metaclass=M):\n def __eq__(self, o): return True\n"
        "def f(x): return E()",
        _PLAIN,
    ),
    "reads the callers' frames": Attack(
        "import sys\ndef f(x):\n frame = sys._getframe()\n while frame:\n"
        "  for value in [*frame.f_locals.values(), *frame.f_globals.values()]:\n"
        "   if 'value-' in (text := repr(value)) and 'f(x)' not in text:\n"
        "    return text[text.index('value-'):][:10]\n"
        "  frame = frame.f_back",
        _ABSENT,
    ),
    "searches all objects": Attack(
        "import gc, re\ndef f(x):\n for o in gc.get_objects():\n"
        "  try: found = re.search('value-[0-9a-f]{{4}}', repr(o))\n"
        "  except Exception: continue\n  if found: return found[0]",
        _ABSENT,
    ),
    "searches its own memory": Attack(
        _C + "import re\nmaps = open('/proc/self/maps').read()\n" + RIGHT,
        f"{_FILES}; and {_ABSENT}",
    ),
    "reads the server's pipes": Attack(
        "import os\nfor d in [0, *range(4, 1024)]:\n try:\n  if os.read(d, 10): break\n"
        " except OSError: pass\nelse: raise SystemExit\n" + RIGHT,
        "the candidate holds its own four pipes only",
    ),
    "sends results of its own": Attack(
        "import os, struct\n"
        "for text in (b'[\"ok\"]', b'[[\"value\", true]]', b'[\"passed\"]'):\n"
        " os.write(3, struct.pack('!I', len(text)) + text)\nos._exit(0)",
        f"a forged result is only a returned value; {_OUTSIDE}",
    ),
    "sends garbage for results": Attack(
        "import os\nos.write(3, bytes(range(256)) * 64)\nos._exit(0)", "frames are parsed with care"
    ),
    "replaces the built-in functions": Attack(
        "import builtins\nfor name in ('all', 'any', 'abs', 'len', 'isinstance', 'eval', 'repr'):\n"
        " setattr(builtins, name, lambda *a, **k: True)\ndef f(x): return 0",
        _OUTSIDE,
    ),
    "replaces the modules that report": Attack(
        "import json, sys\nfor name, module in list(sys.modules.items()):\n"
        " if name.startswith('inside'):\n  for attribute in list(vars(module)):\n"
        "   if attribute in ('encode', '_outcome', '_describe'):\n"
        "    setattr(module, attribute, lambda *a: ['value', True])\n"
        "json.dumps = lambda *a, **k: '[[\"value\", true]]'\ndef f(x): return 0",
        _OUTSIDE,
    ),
    "rewrites the callers' variables": Attack(
        _C + "def f(x, fix=ctypes.pythonapi.PyFrame_LocalsToFast, wrap=ctypes.py_object):\n"
        " frames = [sys._getframe()]\n"
        " while frames[-1].f_back: frames.append(frames[-1].f_back)\n"
        " for frame in frames[1:]:\n"
        "  frame.f_locals.update(dict.fromkeys(frame.f_locals, 'passed'))\n"
        "  fix(wrap(frame), 0)",
        _OUTSIDE,
    ),
    "abolishes AssertionError": Attack(
        "import builtins\nclass Never(Exception): pass\nbuiltins.AssertionError = Never\n"
        "def f(x): return 0",
        _OUTSIDE,
    ),
    "traces the code around it": Attack(
        "import sys\ndef trace(frame, event, value):\n"
        " if event == 'return': frame.f_trace_lines = False\n return trace\n"
        "sys.settrace(trace); sys.setprofile(lambda *a: None)\ndef f(x): return 0",
        _OUTSIDE,
    ),
    "returns everything at once": Attack(
        "import itertools\ndef f(x): return map('value-{{:04x}}'.format, itertools.count())",
        "an iterator is a list of limited length",
    ),
}

TIME = {
    "never ends": Attack("while True: pass", _TIME),
    "sleeps": Attack("import time\ndef f(x): time.sleep(60)", _TIME),
    "waits for a lock": Attack(
        "import threading\nlock = threading.Lock()\nlock.acquire()\ndef f(x): lock.acquire()", _TIME
    ),
    "swallows every exception": Attack(
        "def f(x):\n while True:\n  try:\n   while True: pass\n  except BaseException: pass", _TIME
    ),
    "ignores every signal": Attack(
        "import signal\nfor s in range(1, 65):\n try: signal.signal(s, signal.SIG_IGN)\n"
        " except (OSError, ValueError): pass\nsignal.pthread_sigmask(0, range(1, 65))\n"
        "while True: pass",
        _TIME,
    ),
    "leaves a thread running": Attack(
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\ndef f(x): return 0",
        "threads end with the process, which is killed",
    ),
    "waits in an exit handler": Attack(
        "import atexit, time\natexit.register(time.sleep, 60)\ndef f(x): raise SystemExit",
        "the process is killed, its handlers are not called",
    ),
    "computes in C, deaf to signals": Attack("def f(x): return 7 ** 7 ** 9", _TIME),
    "lets a pattern run wild": Attack(
        "import re\ndef f(x): return re.match('(a*)*b', 'a' * 40)", _TIME
    ),
    "recurses without end": Attack(
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(x): return f(x)",
        "the stack's limit: a crash",
    ),
    "recurses and catches": Attack(
        "def f(x):\n try: return f(x)\n except RecursionError: return f(x)", _TIME
    ),
    "returns an endless iterator": Attack(
        "def f(x):\n while True: yield x", "an iterator is a list of limited length"
    ),
    "closes its pipes and goes on": Attack(
        "import os\nfor d in range(4): os.close(d)\nwhile True: pass", _TIME
    ),
    "spends time in threads": Attack(
        "import threading, hashlib\ndef burn():\n while True: hashlib.sha256(bytes(10**7))\n"
        "for i in range(4): threading.Thread(target=burn).start()\ndef f(x): burn()",
        "processor time is that of all threads",
    ),
}

EXHAUSTION = {
    "takes all memory": Attack("data = bytearray(1 << 34)\n" + RIGHT, "rlimit on memory"),
    "takes all memory in small pieces": Attack(
        "data = []\nwhile True: data.append(bytearray(1 << 20))", "rlimit on memory"
    ),
    "takes memory that is shared": Attack(
        "import mmap\nmaps = [mmap.mmap(-1, 1 << 28) for i in range(100)]\n" + RIGHT,
        "rlimit on memory",
    ),
    "takes memory in nameless files": Attack(
        "import os\nfor i in range(1000): os.write(os.memfd_create('x'), bytes(1 << 24))\n" + RIGHT,
        _SECCOMP,
    ),
    "takes memory that outlives it": Attack(
        _C + "c('shmget', 77, 1 << 20, 0o1666)\n" + RIGHT, _SECCOMP
    ),
    "starts threads without number": Attack(
        "import threading, time\nthreading.stack_size(32768)\n"
        "for i in range(5000):\n"
        " threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n" + RIGHT,
        "rlimit on threads; memory where root has none",
    ),
    "opens files without number": Attack(
        "import os\nopened = [os.open('/dev/null', 0) for i in range(1000)]\n" + RIGHT,
        "rlimit on open files",
    ),
    "writes one large file": Attack(
        "with open('a', 'wb') as file:\n for i in range(64): file.write(bytes(1 << 20))\n" + RIGHT,
        "rlimit on the size of files",
    ),
    "fills the disk": Attack(
        "for i in range(100):\n with open(str(i), 'wb') as file: file.write(bytes(8 << 20))\n"
        "import time; time.sleep(0.3)\n" + RIGHT,
        "the scratch folder's size, kept by the kernel or measured by the server",
    ),
    "makes files without number": Attack(
        "for i in range(5000): open(str(i), 'w').close()\nimport time; time.sleep(0.3)\n" + RIGHT,
        "the scratch folder's number of files, likewise",
    ),
    "prints without end": Attack(
        "import os\nwhile True: os.write(1, b'x' * 65536)", "only a tail is kept; time limits"
    ),
    "returns more than can be carried": Attack(
        "def f(x): return 'value-8d1' * 10**8", "the length of results is limited"
    ),
    "returns results without end": Attack(
        "import os\nwhile True: os.write(3, b'\\0\\0\\0\\6[\"ok\"]')",
        "no more than are due are read",
    ),
    "announces a huge result": Attack(
        "import os\nos.write(3, b'\\xff' * 4)\nwhile True: os.write(3, bytes(65536))",
        "the length of results is limited",
    ),
    "returns nested lists without end": Attack(
        "def f(x):\n a = []\n for i in range(10**6): a = [a]\n return a", "depth is limited"
    ),
    "returns a list that contains itself": Attack(
        "def f(x):\n a = []\n a.append(a)\n return a", "depth is limited"
    ),
    "returns a small object that unfolds": Attack(
        "def f(x):\n a = ['value-8d1f']\n for i in range(40): a = [a] * 10\n return a",
        "the number of parts is limited",
    ),
    "returns numbers that collide": Attack(
        "def f(x): return {{i * (2**61 - 1) for i in range(1, 300)}}",
        "colliding keys are not built",
    ),
    "raises an exception with a huge text": Attack(
        "def f(x): raise ValueError('x' * 10**8)", "messages are cut"
    ),
    "raises an exception that cannot be shown": Attack(
        "class E(Exception):\n def __str__(self):\n  while True: pass\ndef f(x): raise E", _TIME
    ),
}

PROCESSES = {
    "forks": Attack("import os\nif os.fork() == 0: os._exit(0)\n" + RIGHT, _SECCOMP),
    "forks without end": Attack("import os\nwhile True: os.fork()", _SECCOMP),
    "leaves an orphan": Attack(
        "import os, time\nif os.fork() == 0:\n os.setsid()\n"
        " if os.fork() == 0: time.sleep(60)\n os._exit(0)\n" + RIGHT,
        _SECCOMP,
    ),
    "forks by vfork": Attack(_C + "if libc.vfork() == 0: libc._exit(0)\n" + RIGHT, _SECCOMP),
    "forks by clone": Attack(_C + "c('syscall', 56, 17, 0, 0, 0, 0)\n" + RIGHT, _SECCOMP),
    "forks by clone3": Attack(
        _C + "a = (ctypes.c_uint64 * 11)(0, 0, 0, 0, 17)\n"
        "c('syscall', 435, ctypes.byref(a), 88)\n" + RIGHT,
        _SECCOMP,
    ),
    "starts a program": Attack("import subprocess\nsubprocess.run(['true'])\n" + RIGHT, _SECCOMP),
    "starts a shell": Attack("import os\nassert os.system('true') == 0\n" + RIGHT, _SECCOMP),
    "becomes a program": Attack("import os\nos.execv('/bin/true', ['true'])", _SECCOMP),
    "becomes a program by its descriptor": Attack(
        _C + "c('syscall', 322, os.open('/bin/true', os.O_RDONLY), b'', 0, 0, 0x1000)\n", _FILES
    ),
    "uses multiprocessing": Attack(
        "import multiprocessing\n"
        "multiprocessing.get_context('fork').Process(target=print).start()\n" + RIGHT,
        _SECCOMP,
    ),
    "kills its parent": Attack(
        "import os, time\nos.kill(os.getppid(), 9)\ntime.sleep(60)", _SECCOMP
    ),
    "kills all processes": Attack("import os\nos.kill(-1, 9)\n" + RIGHT, _SECCOMP),
    "kills its group": Attack("import os\nos.killpg(0, 9)\n" + RIGHT, _SECCOMP),
    "kills its parent's threads": Attack(
        _C + "parent = os.getppid()\nc('tgkill', parent, parent, 9)\n" + RIGHT, _SECCOMP
    ),
    "queues a signal for its parent": Attack(
        _C + "c('sigqueue', os.getppid(), 9, 0)\n" + RIGHT, _SECCOMP
    ),
    "kills its parent by descriptor": Attack(
        "import os, signal\nsignal.pidfd_send_signal(os.pidfd_open(os.getppid()), 9)\n" + RIGHT,
        _SECCOMP,
    ),
    "has the kernel signal its parent": Attack(
        "import fcntl, os\nr, w = os.pipe()\nfcntl.fcntl(r, fcntl.F_SETOWN, os.getppid())\n"
        "fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC)\nos.write(w, b'x')\n" + RIGHT,
        f"{_SECCOMP}, by the arguments of fcntl",
    ),
    "kills itself, for a fault of the sandbox": Attack(
        "import os\nos.kill(os.getpid(), 9)", _SECCOMP
    ),
    "kills itself by a timer": Attack(
        _C + "e = (ctypes.c_int * 16)(0, 0, 9, 0)\nt = ctypes.c_void_p()\n"
        "c('timer_create', 0, ctypes.byref(e), ctypes.byref(t))\n" + RIGHT,
        _SECCOMP,
    ),
    "kills itself by a limit": Attack(
        "import resource, time\nresource.setrlimit(resource.RLIMIT_CPU, (0, 0))\nwhile True: pass",
        f"{_SECCOMP}: limits stay as they are",
    ),
    "raises its limits": Attack(
        "import resource\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n" + RIGHT,
        _SECCOMP,
    ),
    "lowers its parent's limits": Attack(
        "import os, resource\nresource.prlimit(os.getppid(), resource.RLIMIT_CPU, (0, 0))\n"
        + RIGHT,
        f"{_SECCOMP}, by the arguments of prlimit",
    ),
    "slows its parent down": Attack(
        "import os\nos.setpriority(os.PRIO_PROCESS, os.getppid(), 19)\n" + RIGHT, _SECCOMP
    ),
    "moves its parent to one core": Attack(
        "import os\nos.sched_setaffinity(os.getppid(), {{0}})\n" + RIGHT, _SECCOMP
    ),
    "stops its parent in a debugger": Attack(
        _C + "c('ptrace', 16, os.getppid(), 0, 0)\n" + RIGHT, _SECCOMP
    ),
    "reads its parent's memory": Attack(
        _C + "b = ctypes.create_string_buffer(8)\n"
        "v = (ctypes.c_void_p * 2)(ctypes.addressof(b), 8)\n"
        "c('process_vm_readv', os.getppid(), v, 1, v, 1, 0)\n" + RIGHT,
        _SECCOMP,
    ),
    "takes its parent's descriptors": Attack(
        _C + "c('syscall', 438, os.pidfd_open(os.getppid()), 0, 0)\n" + RIGHT, _SECCOMP
    ),
    "outlives its parent": Attack(
        _C + "c('prctl', 1, 0, 0, 0, 0)\n" + RIGHT, f"{_SECCOMP}, by the arguments of prctl"
    ),
    "makes namespaces": Attack(_C + "c('unshare', 0x10000000)\n" + RIGHT, _SECCOMP),
    "mounts": Attack(_C + "c('mount', b'none', b'/tmp', b'tmpfs', 0, None)\n" + RIGHT, _SECCOMP),
    "changes its root": Attack("import os\nos.chroot('.')\n" + RIGHT, _SECCOMP),
    "becomes root": Attack("import os\nos.setuid(0)\n" + RIGHT, _SECCOMP),
    "loads a program into the kernel": Attack(
        _C
        + "a = (ctypes.c_uint32 * 32)(1, 4, 4, 1)\nc('syscall', 321, 0, ctypes.byref(a), 128)\n"
        + RIGHT,
        _SECCOMP,
    ),
    "hands its calls to the kernel by a ring": Attack(
        _C + "p = (ctypes.c_uint32 * 30)()\nc('syscall', 425, 4, ctypes.byref(p))\n" + RIGHT,
        _SECCOMP,
    ),
    "watches the machine": Attack(
        _C + "a = (ctypes.c_uint32 * 32)(1, 128)\n"
        "c('syscall', 298, ctypes.byref(a), 0, -1, -1, 0)\n" + RIGHT,
        _SECCOMP,
    ),
    "keeps a key in the kernel": Attack(
        _C + "c('syscall', 248, b'user', b'x', b'y', 1, -3)\n" + RIGHT, _SECCOMP
    ),
    "calls the kernel as a 32-bit program": Attack(
        _C + "import mmap\nm = mmap.mmap(-1, 4096, prot=7)\n"
        "m.write(bytes.fromhex('b814000000cd80c3'))  # getpid, by int 0x80\n"
        "ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()\n"
        + RIGHT,
        _SECCOMP,
    ),
    "calls the kernel under another number": Attack(
        _C + "c('syscall', 0x40000000 | 41, 2, 1, 0)\n" + RIGHT, _SECCOMP
    ),
}

FILES = {
    "reads the list of users": Attack("open('/etc/passwd').read()\n" + RIGHT, _FILES),
    "reads a home folder": Attack(
        "import os, pathlib\n"
        "next(pathlib.Path('/root').iterdir(), None); next(pathlib.Path('/home').iterdir(), None)\n"
        + RIGHT,
        _FILES,
    ),
    "reads a file next to the tests": Attack("open('{canary}/file').read()\n" + RIGHT, _FILES),
    "reads the sandbox's own code": Attack(
        "import sys\nopen(sys.modules['inside'].__file__).read()\n" + RIGHT, _FILES
    ),
    "reads installed packages": Attack(
        "import os\nopen(os.path.dirname(os.__file__) + '/site-packages/pip/__init__.py')\n"
        + RIGHT,
        _FILES,
    ),
    "imports an installed package": Attack(
        "import yaml, pydantic\n" + RIGHT, "python -S; Landlock"
    ),
    "reads the environment of its start": Attack(
        "open('/proc/self/environ', 'rb').read()\n" + RIGHT, _FILES
    ),
    "reads the environment": Attack(
        "import os\nassert set(os.environ) - {{'HOME', 'LANG', 'PATH', 'TMPDIR'}}\n" + RIGHT,
        "servers start with an empty environment",
    ),
    "reads its parent's memory as a file": Attack(
        "import os\nopen(f'/proc/{{os.getppid()}}/mem', 'rb')\n" + RIGHT, _FILES
    ),
    "reaches its parent's pipes as files": Attack(
        "import os\nopen(f'/proc/{{os.getppid()}}/fd/1', 'wb')\n" + RIGHT,
        "the server cannot be dumped, hence not looked into; a root of its own",
    ),
    "reaches the pipes of all others as files": Attack(
        "import os\nfound = []\nfor pid in range(max(1, os.getpid() - 500), os.getpid()):\n"
        " for d in range(8):\n"
        "  try: open(f'/proc/{{pid}}/fd/{{d}}', 'wb')\n"
        "  except OSError: continue\n"
        "  found.append(pid)\nassert found\n" + RIGHT,
        f"{_FILES}; servers cannot be dumped, hence not looked into",
    ),
    "lists processes": Attack("import os\nos.listdir('/proc')\n" + RIGHT, _FILES),
    "reads a disk": Attack(
        "import os\nfor d in os.listdir('/dev'): open('/dev/' + d, 'rb').read(1)\n" + RIGHT, _FILES
    ),
    "writes beside its scratch folder": Attack("open('../x', 'w')\n" + RIGHT, _FILES),
    "writes to the folder for temporary files": Attack(
        "import os\nos.chdir('/')\nopen('/var/tmp/rlvf-attack', 'w')\n" + RIGHT, _FILES
    ),
    "writes to shared memory": Attack("open('/dev/shm/rlvf-attack', 'w')\n" + RIGHT, _FILES),
    "writes a file of another": Attack("open('{canary}/file', 'w')\n" + RIGHT, _FILES),
    "removes a file of another": Attack("import os\nos.remove('{canary}/file')\n" + RIGHT, _FILES),
    "renames a file of another": Attack(
        "import os\nos.rename('{canary}/file', '{canary}/other')\n" + RIGHT, _FILES
    ),
    "shortens a file of another": Attack(
        "import os\nos.truncate('{canary}/file', 0)\n" + RIGHT, _SECCOMP
    ),
    "empties a file by reading it": Attack(
        "import os\nos.open('{canary}/file', os.O_RDONLY | os.O_TRUNC)\n" + RIGHT,
        f"{_SECCOMP}, by the arguments of open; Landlock",
    ),
    "changes the rights of a file of another": Attack(
        "import os\nos.chmod('{canary}/file', 0)\n" + RIGHT, _SECCOMP
    ),
    "changes the time of a file of another": Attack(
        "import os\nos.utime('{canary}/file', (0, 0))\n" + RIGHT, _SECCOMP
    ),
    "marks a file of another": Attack(
        "import os\nos.setxattr('{canary}/file', 'user.x', b'y')\n" + RIGHT, _SECCOMP
    ),
    "changes Python for all": Attack(
        "import os\nopen(os.__file__, 'a')\n" + RIGHT, f"{_FILES}, read-only"
    ),
    "links out of its scratch folder": Attack(
        "import os\nos.symlink('{canary}/file', 'a')\nopen('a').read()\n" + RIGHT, _SECCOMP
    ),
    "links a file into its scratch folder": Attack(
        "import os\nos.link('{canary}/file', 'a')\n" + RIGHT, _SECCOMP
    ),
    "makes a folder that cannot be removed": Attack(
        "import os\nos.mkdir('a', 0)\n" + RIGHT, _SECCOMP
    ),
    "makes a pipe with a name": Attack("import os\nos.mkfifo('a')\n" + RIGHT, _SECCOMP),
    "makes a device": Attack(
        "import os, stat\nos.mknod('a', stat.S_IFCHR | 0o666, os.makedev(1, 3))\n" + RIGHT, _SECCOMP
    ),
    "watches files of others": Attack(_C + "c('inotify_init')\n" + RIGHT, _SECCOMP),
}

NETWORK = {
    "connects to a port": Attack(
        "import socket\nsocket.create_connection(('127.0.0.1', {port}))\n" + RIGHT, _SECCOMP
    ),
    "listens": Attack("import socket\nsocket.create_server(('127.0.0.1', 0))\n" + RIGHT, _SECCOMP),
    "sends a datagram": Attack(
        "import socket\nsocket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {port}))\n"
        + RIGHT,
        _SECCOMP,
    ),
    "asks for a name": Attack(
        "import socket\nsocket.gethostbyname('example.org')\n" + RIGHT, _SECCOMP
    ),
    "connects to a socket with a name": Attack(
        "import socket\nsocket.socket(socket.AF_UNIX).connect('{unix}')\n" + RIGHT, _SECCOMP
    ),
    "connects to an abstract socket": Attack(
        "import socket\nsocket.socket(socket.AF_UNIX).connect('\\0{abstract}')\n" + RIGHT, _SECCOMP
    ),
    "sends to a socket from a pair": Attack(
        "import socket\na, b = socket.socketpair(type=socket.SOCK_DGRAM)\n"
        "a.sendto(b'x', '{unix}.datagram')\n" + RIGHT,
        f"{_SECCOMP}, by the arguments of socketpair",
    ),
    "talks to the kernel's network": Attack(
        "import socket\nsocket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)\n" + RIGHT, _SECCOMP
    ),
}

ATTACKS = {**FORGERY, **TIME, **EXHAUSTION, **PROCESSES, **FILES, **NETWORK}


def table() -> str:
    """All attacks as Markdown."""
    rows = [f"| {name} | {attack.stopped_by} |" for name, attack in ATTACKS.items()]
    return "\n".join(["| a candidate that ... | is stopped by |", "|---|---|", *rows]) + "\n"


if __name__ == "__main__":
    print(table(), end="")
