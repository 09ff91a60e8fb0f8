"""Programs that read standard input, to be run by the interpreter and by the sandbox alike."""

import textwrap
from typing import NamedTuple


class Program(NamedTuple):
    code: str
    stdin: str


def _program(code: str, stdin: str = "") -> Program:
    return Program(textwrap.dedent(code).strip() + "\n", stdin)


_SUM = "1 2\n3 4\n"
_FAST_OUTPUT = """
    import os, sys
    from io import BytesIO, IOBase
    class FastIO(IOBase):
        newlines = 0
        def __init__(self, file):
            self._fd = file.fileno()
            self.buffer = BytesIO()
            self.writable = "x" in file.mode or "r" not in file.mode
            self.write = self.buffer.write if self.writable else None
        def read(self):
            while True:
                b = os.read(self._fd, max(os.fstat(self._fd).st_size, 8192))
                if not b:
                    break
                ptr = self.buffer.tell()
                self.buffer.seek(0, 2), self.buffer.write(b), self.buffer.seek(ptr)
            self.newlines = 0
            return self.buffer.read()
        def readline(self):
            while self.newlines == 0:
                b = os.read(self._fd, max(os.fstat(self._fd).st_size, 8192))
                self.newlines = b.count(b"\\n") + (not b)
                ptr = self.buffer.tell()
                self.buffer.seek(0, 2), self.buffer.write(b), self.buffer.seek(ptr)
            self.newlines -= 1
            return self.buffer.readline()
        def flush(self):
            if self.writable:
                os.write(self._fd, self.buffer.getvalue())
                self.buffer.truncate(0), self.buffer.seek(0)
    class IOWrapper(IOBase):
        def __init__(self, file):
            self.buffer = FastIO(file)
            self.flush = self.buffer.flush
            self.writable = self.buffer.writable
            self.write = lambda s: self.buffer.write(s.encode("ascii"))
            self.read = lambda: self.buffer.read().decode("ascii")
            self.readline = lambda: self.buffer.readline().decode("ascii")
    sys.stdin, sys.stdout = IOWrapper(sys.stdin), IOWrapper(sys.stdout)
    input = lambda: sys.stdin.readline().rstrip("\\r\\n")
    for _ in range(2):
        print(sum(map(int, input().split())))
"""

# As the interpreter runs them: with the same output, if it calls them a success.
ALIKE = {
    # ---- leaving
    "exit": _program("print(3)\nexit()\nprint(4)"),
    "exit 0": _program("print(3)\nexit(0)"),
    "exit 1": _program("print(3)\nexit(1)"),
    "quit": _program("print(3)\nquit()"),
    "quit in a function": _program("def f():\n    print(3)\n    quit()\nf()"),
    "exit is what it shows": _program("print(exit, quit, type(exit).__name__)"),
    "exit with a text": _program("print(3)\nexit('wrong')"),
    "exit with true": _program("import sys\nprint(3)\nsys.exit(True)"),
    "exit with false": _program("import sys\nprint(3)\nsys.exit(False)"),
    "exit with nothing": _program("import sys\nprint(3)\nsys.exit(None)"),
    "exit with 0.0": _program("import sys\nprint(3)\nsys.exit(0.0)"),
    "exit with 256": _program("import sys\nprint(3)\nsys.exit(256)"),
    "exit with 257": _program("import sys\nprint(3)\nsys.exit(257)"),
    "exit with -1": _program("import sys\nprint(3)\nsys.exit(-1)"),
    "exit with 2**64": _program("import sys\nprint(3)\nsys.exit(2**64)"),
    "exit with an empty text": _program("import sys\nprint(3)\nsys.exit('')"),
    "exit with a pair": _program("print(3)\nraise SystemExit(0, 0)"),
    "an exit that is caught": _program(
        "try:\n    exit()\nexcept SystemExit as e:\n    print(e.code)\nprint(4)"
    ),
    "an exit in finally": _program("try:\n    1 / 0\nfinally:\n    exit()"),
    "exit closes the input": _program(
        "import atexit, sys\natexit.register(lambda: print(sys.stdin.closed))\nexit()"
    ),
    "exit in an exit handler": _program("import atexit\natexit.register(exit, 1)\nprint(3)"),
    "exit in a thread": _program(
        "import threading\nt = threading.Thread(target=exit); t.start(); t.join(); print(3)"
    ),
    "leaves at once after a flush": _program(
        "import os, sys\nprint(3)\nsys.stdout.flush()\nos._exit(0)"
    ),
    "leaves at once without a flush": _program("import os\nprint(3)\nos._exit(0)"),
    "leaves at once with a status": _program("import os\nprint(3, flush=True)\nos._exit(5)"),
    "an exception": _program("print(3)\n1 / 0"),
    "an exception of its own": _program("class E(BaseException): pass\nprint(3)\nraise E"),
    "an interrupt": _program("print(3)\nraise KeyboardInterrupt"),
    "an exception in a thread": _program(
        "import threading\nthreading.Thread(target=lambda: 1 / 0).start()\nprint(3)"
    ),
    "a syntax error": _program("print(3"),
    "a signal's handler": _program(
        "import signal\nsignal.signal(signal.SIGALRM, lambda *_: print(3))\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.001)\nsignal.pause()"
    ),
    # ---- what a program finds
    "its file": _program(
        "import os\nprint(os.path.basename(__file__) != '', os.path.isabs(__file__))"
    ),
    "its arguments": _program("import sys\nprint(len(sys.argv), sys.argv[0] != '-c')"),
    "its name": _program("print(__name__, __doc__, __spec__, __package__)"),
    "its built-in names": _program("print(__builtins__.len([1]), hasattr(__builtins__, 'exit'))"),
    "help and the like": _program("print(help)\nprint(callable(copyright), callable(license))"),
    "main": _program("def main(): print(3)\nif __name__ == '__main__':\n    main()"),
    "itself as a module": _program("x = 3\nimport __main__\nprint(__main__.x)"),
    "itself among modules": _program("import sys\nx = 3\nprint(sys.modules[__name__].x)"),
    "its names": _program("x = 3\nprint(globals()['x'], vars()['x'], 'x' in dir())"),
    "the depth of recursion": _program(
        """
        import sys
        def depth(n):
            try:
                return depth(n + 1)
            except RecursionError:
                return n
        print(depth(1))
        """
    ),
    "too deep a recursion": _program("def f(n): return n and f(n - 1)\nprint(f(1000))"),
    "a deeper recursion": _program(
        "import sys\nsys.setrecursionlimit(10**7)\ndef f(n): return n and 1 + f(n - 1)\n"
        "print(f(20000))"
    ),
    "a large stack in a thread": _program(
        "import sys, threading\nsys.setrecursionlimit(10**7)\nthreading.stack_size(1 << 27)\n"
        "def f(n): return n and 1 + f(n - 1)\ndef main(): print(f(20000), input())\n"
        "threading.Thread(target=main).start()",
        "x\n",
    ),
    "objects that are pickled": _program(
        "import pickle\nclass C:\n    def __init__(self, x): self.x = x\n"
        "print(pickle.loads(pickle.dumps(C(3))).x)"
    ),
    "a dataclass": _program(
        "from __future__ import annotations\nimport dataclasses, typing\n@dataclasses.dataclass\n"
        "class C:\n    x: int = 3\nprint(C(), typing.get_type_hints(C))"
    ),
    "a named tuple that is pickled": _program(
        "import pickle\nfrom collections import namedtuple\nP = namedtuple('P', 'x y')\n"
        "print(pickle.loads(pickle.dumps(P(1, 2))))"
    ),
    "an event loop": _program(
        "import asyncio\nasync def main():\n    await asyncio.sleep(0)\n    print(input())\n"
        "asyncio.run(main())",
        "x\n",
    ),
    "long integers": _program(
        "import sys\nsys.set_int_max_str_digits(0)\nprint(len(str(10**5000)))"
    ),
    "too long integers": _program("print(len(str(10**5000)))"),
    "annotations": _program("x: int = 3\nprint(__annotations__)"),
    # ---- reading
    "input": _program("a, b = map(int, input().split())\nprint(a + b)", _SUM),
    "input with a prompt": _program("x = input('x? ')\nprint(x)", "1\n"),
    "input beyond the end": _program("input()\ninput()\ninput()", _SUM),
    "input until the end": _program(
        "try:\n    while True: print(input())\nexcept EOFError: print('end')", _SUM
    ),
    "input of nothing": _program("print(input())", ""),
    "no newline at the end": _program("print(repr(input()))", "1"),
    "an empty line": _program("print(repr(input()), repr(input()))", "\n1"),
    "lines": _program("import sys\nfor line in sys.stdin: print(repr(line))", _SUM),
    "read": _program("import sys\nprint(repr(sys.stdin.read()))", _SUM),
    "read after input": _program("import sys\ninput()\nprint(repr(sys.stdin.read()))", _SUM),
    "input after a readline": _program("import sys\nsys.stdin.readline()\nprint(input())", _SUM),
    "readlines": _program("import sys\nprint(sys.stdin.readlines())", _SUM),
    "another input": _program("import sys\ninput = sys.stdin.readline\nprint(repr(input()))", _SUM),
    "stdin by name": _program("from sys import stdin\nprint(repr(stdin.readline()))", _SUM),
    "the buffer": _program(
        "import sys\nread = sys.stdin.buffer.readline\nprint(read(), sys.stdin.buffer.read())", _SUM
    ),
    "the descriptor": _program("import os\nprint(os.read(0, 10**6))", _SUM),
    "the descriptor, as large as it is": _program(
        "import os, io\nprint(io.BytesIO(os.read(0, os.fstat(0).st_size)).readline())", _SUM
    ),
    "open(0)": _program("print(sum(map(int, open(0).read().split())))", _SUM),
    "open(0) in binary": _program("print(open(0, 'rb').readlines())", _SUM),
    "/dev/stdin": _program("print(open('/dev/stdin').read())", _SUM),
    "/dev/stdin by os": _program(
        "import os\nprint(os.read(os.open('/dev/stdin', os.O_RDONLY), 99))", _SUM
    ),
    "/dev/stdin by a path": _program(
        "from pathlib import Path\nprint(Path('/dev/stdin').read_text())", _SUM
    ),
    "/dev/fd/0": _program("with open('/dev/fd/0') as f: print(f.readline())", _SUM),
    "/proc/self/fd/0": _program("print(open('/proc/self/fd/0', 'rb').read())", _SUM),
    "fileinput": _program(
        "import fileinput\nfor line in fileinput.input(): print(line, end='')", _SUM
    ),
    "seeking": _program(
        "import sys\na = sys.stdin.read()\nsys.stdin.seek(0)\nprint(a == sys.stdin.read())", _SUM
    ),
    "another stdin": _program(
        "import io, sys\nsys.stdin = io.StringIO('5\\n')\nprint(input())", _SUM
    ),
    "a mark of byte order": _program("print(ascii(input()))", "\ufeff1\n"),
    "carriage returns": _program("print(repr(input()), repr(input()))", "1\r\n2\r\n"),
    "carriage returns in binary": _program(
        "import sys\nprint(sys.stdin.buffer.read())", "1\r\n2\r"
    ),
    "other letters": _program("print(input(), ascii(input()))", "é𝒳\nñ\n"),
    "another encoding": _program(
        "import sys\nsys.stdin.reconfigure(encoding='latin-1')\nprint(ascii(input()))", "é\n"
    ),
    "much": _program("import sys\nprint(sum(map(int, sys.stdin)))", "1\n" * 10**5),
    "select": _program(
        "import select, sys\nprint(select.select([sys.stdin], [], [], 0)[0] != [])", _SUM
    ),
    "fast input and output": _program(_FAST_OUTPUT, _SUM),
    # ---- writing
    "no newline": _program("import sys\nsys.stdout.write('3')"),
    "bytes": _program("import sys\nsys.stdout.buffer.write(b'3\\n')"),
    "the descriptor for output": _program("import os\nos.write(1, b'3')"),
    "an order of its own": _program("import os\nprint(3)\nos.write(1, b'4\\n')"),
    "a flush between": _program("import os\nprint(3, flush=True)\nos.write(1, b'4\\n')"),
    "/dev/stdout": _program("open('/dev/stdout', 'w').write('3')"),
    "errors apart": _program("import sys\nprint(3)\nprint(4, file=sys.stderr)"),
    "another file over it": _program("f = open(1, 'w', closefd=False)\nf.write('3')"),
    "a file in a variable of a function": _program(
        "def f():\n    g = open(1, 'w', closefd=False)\n    g.write('3')\nf()\nprint(4)"
    ),
    "a wrapper over it": _program(
        "import io, sys\nsys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, 'w', "
        "closefd=False)), write_through=False)\nprint(3)"
    ),
    "a writer in the namespace": _program(
        "import io\nw = io.BufferedWriter(io.FileIO(1, 'w', closefd=False))\nw.write(b'3')"
    ),
    "output that is kept": _program(
        "import io, sys\nold = sys.stdout\nsys.stdout = io.StringIO()\nprint(3)\n"
        "old.write(sys.stdout.getvalue())"
    ),
    "output that is lost": _program(
        "import io, sys\nprint(2)\nsys.stdout = io.StringIO()\nprint(3)"
    ),
    "redirected output": _program(
        "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as f: print(3)\n"
        "print(f.getvalue() * 2)"
    ),
    "no output": _program("import sys\nsys.stdout = None\nprint(3)"),
    "closed output": _program("import sys\nprint(3)\nsys.stdout.close()"),
    "a closed descriptor": _program("import os\nprint(3)\nos.close(1)"),
    "output without flush": _program(
        "import sys\nclass W:\n    def write(self, s): sys.__stdout__.write(s)\nsys.stdout = W()\n"
        "print(3)"
    ),
    "line by line": _program(
        "import os, sys\nsys.stdout.reconfigure(line_buffering=True)\nprint(3)\nos.write(1, b'4')"
    ),
    "letters of another encoding": _program(
        "import sys\nsys.stdout.reconfigure(encoding='utf-16')\nprint('é')"
    ),
    "lone surrogates": _program("print('\\udc80')"),
    "surrogates that are none": _program("print('\\ud800')"),
    "C's own output": _program("import ctypes\nctypes.CDLL(None).printf(b'3')"),
    # ---- at the end
    "exit handlers": _program(
        "import atexit\natexit.register(print, 1)\natexit.register(print, 2)\nprint(3)"
    ),
    "an exit handler after an exit": _program("import atexit\natexit.register(print, 1)\nexit()"),
    "an exit handler that raises": _program(
        "import atexit\natexit.register(lambda: 1 / 0)\nprint(3)"
    ),
    "an exit handler that leaves": _program(
        "import atexit, os\natexit.register(lambda: (print(4, flush=True), os._exit(0)))\n1 / 0"
    ),
    "a thread that goes on": _program(
        "import threading, time\ndef f():\n    time.sleep(0.02)\n    print(3)\n"
        "threading.Thread(target=f).start()\nprint(2)"
    ),
    "a thread that goes on after an exit": _program(
        "import threading, time\ndef f():\n    time.sleep(0.02)\n    print(3)\n"
        "threading.Thread(target=f).start()\nexit()"
    ),
    "a daemon": _program(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(9,), daemon=True)"
        ".start()\nprint(3)"
    ),
    "a pool of threads": _program(
        "from concurrent.futures import ThreadPoolExecutor\np = ThreadPoolExecutor(2)\n"
        "p.submit(print, 3)"
    ),
    "an object that goes": _program("class C:\n    def __del__(self): print(3)\nc = C()\nprint(2)"),
    "an object that goes with its functions": _program(
        "y = 4\nclass C:\n    def __del__(self): f()\ndef f(): print(y)\nc = C()"
    ),
    "objects in a circle": _program(
        "class C:\n    def __del__(self): print(3)\nc = C()\nc.c = c\ndel c\nprint(2)"
    ),
    "an old object that goes": _program(
        "import gc\nclass C:\n    def __del__(self): print(3)\nc = C()\nc.c = c\n"
        "gc.collect()\ngc.collect()\ndel c\nx = [[] for _ in range(2000)]"
    ),
    "a generator that is closed": _program(
        "def g():\n    try:\n        yield 1\n    finally:\n        print(3)\nit = g()\nnext(it)"
    ),
    "a weak reference that is told": _program(
        "import weakref\nclass C: pass\nc = C()\nweakref.finalize(c, print, 3)\nprint(2)"
    ),
    "an object after an exception": _program(
        "class C:\n    def __del__(self): print(3)\nc = C()\n1 / 0"
    ),
    "a context that stays open": _program(
        "import contextlib\n@contextlib.contextmanager\ndef f():\n    try:\n        yield\n"
        "    finally:\n        print(3)\ns = contextlib.ExitStack()\ns.enter_context(f())"
    ),
}
# What the sandbox forbids on purpose; the interpreter runs them all.
FORBIDDEN = {
    "a process": _program("import os\nif os.fork() == 0: os._exit(0)\nprint(3)"),
    "a shell": _program("import os\nos.system('true')\nprint(3)"),
    "a pool of processes": _program(
        "from multiprocessing import Pool\nprint(Pool(1).map(abs, [3]))"
    ),
    "a network": _program("import socket\nsocket.socket()\nprint(3)"),
    "a signal to itself": _program(
        "import os, signal\nsignal.signal(10, print)\nos.kill(os.getpid(), 10)"
    ),
    "its own text": _program("print(len(open(__file__).read()) > 0)"),
    "the list of users": _program("print(len(open('/etc/passwd').read()) > 0)"),
    "a large file": _program("open('x', 'w').write('x' * (1 << 25))\nprint(3)"),
    "much memory": _program("x = bytearray(1 << 29)\nprint(3)"),
}
