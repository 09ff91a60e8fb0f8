"""What the server's process and its candidates give up, for good. No rights are needed for it.

Before anything else a server makes itself independent of who started it (`forget_the_session`) and
says which limit of the session leaves too little for candidates (`Limits.shortage`).

Once for a server, before it reads any untrusted code (`enter`):

    namespaces  user, mount, pid, network, ipc and host name of its own; a root that shows the
                Python runtime read-only and a scratch folder in memory, and nothing else
    landlock    files: the runtime may be read and, in a root of its own, files be made in the
                scratch folder. Without such a root no file may be made, since the kernel would
                not limit how much is written. TCP, abstract sockets and signals stay inside,
                where the kernel knows these limits
    account     not root: a server started by root takes a user number that nobody else has
    seccomp     the system calls that rlvf.sandbox.syscalls allows, and no others

Once for a server, when it has all that it needs (`Limits.take`):

    rlimits     memory, size of files, open files, threads, stack, no core

For each candidate (`Limits.confine`):

    rlimits     processor time
    seccomp     also what the server alone needs: to make and end processes, to set limits

Whether a layer can be had is found out by taking it. The numbers below are those of the kernel's
headers and are equal on every architecture.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from typing import NamedTuple, NoReturn

# How many bytes and files the scratch folder may hold, and how many bytes a file.
_SCRATCH_BYTES = 64 << 20
_SCRATCH_FILES = 1000
FILE_BYTES = 16 << 20
# The scratch folder in a root of its own, and its name where packages lie below the usual one.
_SCRATCH, _OTHER_SCRATCH = "/tmp", "/scratch"
_DESCRIPTORS = 64
THREADS = 256
# So many more threads are allowed where all threads of the user count, since the user may start
# some meanwhile.
_MORE_THREADS = 4096
_STACK_BYTES = 8 << 20
# Before this version of Linux all threads of the user count in a user namespace as well.
_COUNTS_BY_NAMESPACE = (5, 14)

_LIBC = ctypes.CDLL(None, use_errno=True)
# Every candidate calls these, and each page of memory that it writes to is copied for it. So they
# are looked up once, and called with plain integers, which fill whole registers, and bytes.
_PRCTL, _FFLUSH = _LIBC.prctl, _LIBC.fflush
_SIGKILL = int(signal.SIGKILL)

# prctl(2), capset(2)
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
_PR_SET_THP_DISABLE = 41
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522

# unshare(2), mount(2)
_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER = 0x20000, 0x4000000, 0x8000000, 0x10000000
_NEWPID, _NEWNET = 0x20000000, 0x40000000
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _REC = 1, 2, 4, 8, 32, 4096, 16384
_PRIVATE = 1 << 18

# landlock(7): system calls, rights, and how many rights each version of the interface knows
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH = 1
_WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_FILE, _MAKE_REG = 2, 4, 8, 32, 256
_TRUNCATE = 1 << 14
_FILE_RIGHTS = _WRITE_FILE | _READ_FILE | _TRUNCATE
_KNOWN_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}  # 16 from version 5 on


class _Bound(NamedTuple):
    """A limit of the kernel's: what it bounds, and the letter and the unit of bash's `ulimit`."""

    what: str
    letter: str
    unit: int = 1


_BOUNDS = {
    resource.RLIMIT_AS: _Bound("KiB of address space", "v", 1024),
    resource.RLIMIT_DATA: _Bound("KiB of data", "d", 1024),
    resource.RLIMIT_STACK: _Bound("KiB of stack", "s", 1024),
    resource.RLIMIT_FSIZE: _Bound("KiB in a file", "f", 1024),
    resource.RLIMIT_CPU: _Bound("seconds of processor time", "t"),
    resource.RLIMIT_NOFILE: _Bound("open files", "n"),
    resource.RLIMIT_NPROC: _Bound("threads of the user, those that run now included,", "u"),
}


def forget_the_session() -> None:
    """Reset what this process inherited and what would reach its candidates: the mode of new files,
    signals that are ignored or blocked, closed descriptors, soft limits. If the limit on the stack
    changes, which counts when a program starts, this starts the program again."""
    os.umask(0o022)
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:  # Python ignores these
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    for limit in _BOUNDS:
        soft, hard = resource.getrlimit(limit)
        if limit != resource.RLIMIT_STACK:
            resource.setrlimit(limit, (hard, hard))
        elif soft != _STACK_BYTES and _at_least(hard, _STACK_BYTES):
            # This limit also decides on the layout of memory and on the stacks of threads.
            resource.setrlimit(limit, (_STACK_BYTES, hard))
            os.execv(sys.executable, sys.orig_argv)


def _at_least(limit: int, needed: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= needed


class Limits:
    """What confines each of a server's candidates, made ready before any is forked. At most,
    a candidate is given `memory` bytes and `cpu` seconds of processor time."""

    def __init__(self, program: bytes, memory: int, cpu: int):
        self._filter = Filter(program)
        self._memory, self._cpu = memory, cpu
        self._threads = THREADS
        # So many threads count towards the session's limit before a candidate starts any.
        self._other_threads = 0

    def share_threads(self, others: int, all_count: bool) -> None:
        """Take account of the user's `others` threads. The kernel counts them towards the session's
        limit and, where `all_count`, towards a candidate's own limit as well."""
        self._other_threads = others
        if all_count:
            self._threads += _MORE_THREADS + others

    def shortage(self) -> str | None:
        """Why the session's hard limits could change a verdict, or None if they could not."""
        for limit, needed in (
            (resource.RLIMIT_AS, self._memory),
            (resource.RLIMIT_DATA, self._memory),
            (resource.RLIMIT_STACK, max(self._memory, _STACK_BYTES)),
            (resource.RLIMIT_FSIZE, FILE_BYTES),
            (resource.RLIMIT_CPU, self._cpu + 2),
            (resource.RLIMIT_NOFILE, _DESCRIPTORS),
            (resource.RLIMIT_NPROC, self._other_threads + THREADS),
        ):
            hard = resource.getrlimit(limit)[1]
            if not _at_least(hard, needed):
                what, letter, unit = _BOUNDS[limit]
                return (
                    f"this session may have {hard // unit} {what} and a candidate needs "
                    f"{-(-needed // unit)}; raise the hard limit where the session starts "
                    f"(`ulimit -{letter}` shows it)"
                )
        return None

    def take(self) -> None:
        """Set, for this process and all that it forks, the limits that are the same for all
        candidates: to set them in each would cost it time."""
        most = resource.getrlimit(resource.RLIMIT_NPROC)[1]
        threads = self._threads if _at_least(most, self._threads) else most
        for limit, value in (
            (resource.RLIMIT_AS, self._memory),
            (resource.RLIMIT_FSIZE, FILE_BYTES),
            (resource.RLIMIT_NOFILE, _DESCRIPTORS),
            (resource.RLIMIT_NPROC, threads),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.setrlimit(limit, (value, value))

    def confine(self, cpu: int) -> None:
        """Confine this process, which is a candidate's. It may use `cpu` whole seconds of processor
        time, and one more for what it took until now. The server measures more exactly."""
        resource.setrlimit(resource.RLIMIT_CPU, (cpu + 1, cpu + 2))
        self._filter.load()


class Filter:
    """A seccomp filter, ready to be loaded; an empty one lets everything pass."""

    def __init__(self, program: bytes):
        self._text = ctypes.create_string_buffer(program, len(program))
        self._length = len(program) // 8
        self._program = bytes(_FilterProgram(self._length, ctypes.addressof(self._text)))

    def load(self) -> None:
        """Confine this process and all that it forks."""
        if self._length:
            _check(_PRCTL(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, self._program, 0, 0), "seccomp")


class Watchman:
    """The process that stayed behind. It is asked for the states of processes, since the server has
    no /proc."""

    def __init__(self, questions: int, answers: int):
        self._questions, self._answers = questions, answers

    def states(self) -> set[str]:
        """The states of all threads of the server's candidate, in the letters of ps; empty where
        they cannot be seen."""
        os.write(self._questions, b"?")
        return set(os.read(self._answers, 100).decode().strip())


class Entered:
    """Where a server finds itself: its scratch folder, who watches it, and what is in force or why
    it is not."""

    def __init__(self, folder: str, watchman: Watchman):
        self.scratch = folder
        self.watchman = watchman
        self.layers = ["rlimits"]
        self.missing: dict[str, str] = {}

    def take(self, layer: str, problem: str | None) -> None:
        if problem is None:
            self.layers.append(layer)
        else:
            self.missing[layer] = problem


def enter(
    folder: str, program: bytes, limits: Limits, readable: list[str], listed: list[str]
) -> Entered:
    """Take all layers that can be had, in a new process, in which this returns. Beside the Python
    runtime, the files and folders in `readable` can still be read, and those in `listed` be listed.

    The old process, still unconfined, waits for the end of the new one and removes `folder`, an
    existing empty folder of this user. `program` is the server's own seccomp filter.
    """
    runtime = _runtime() + readable
    is_taken = any(path.startswith(f"{_SCRATCH}/") for path in runtime)
    scratch = _OTHER_SCRATCH if is_taken else _SCRATCH
    account = _spare_account() if os.geteuid() == 0 else 0
    others = _threads_of(os.getuid())
    reading, writing = os.pipe()
    if process := os.fork():
        os.close(writing)
        problem = os.read(reading, 1000).decode() or None
        os.close(reading)
        if problem is None:
            _stay_behind(process, folder)
        os.waitpid(process, 0)
        watchman = _fork_watched(folder)
    else:
        problem = None
        watchman = _enter_namespaces(folder, scratch, runtime, account, writing)
    entered = Entered(folder if problem else scratch, watchman)
    entered.take("namespaces", problem)
    if not account:
        limits.share_threads(others, all_count=problem is not None or not _counts_by_namespace())
    elif problem and not _can_read(runtime, account):
        os.setresuid(account, 0, 0)  # so that its threads are counted, at least
        account = 0
    elif problem:
        os.chown(folder, account, account)
    entered.take("account", _take_account(account))
    # Huge pages would let a candidate keep more memory than it has address space.
    _PRCTL(_PR_SET_THP_DISABLE, 1, 0, 0, 0)
    _check(_PRCTL(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    # Landlock does not treat pipes in /proc/PID/fd as files. This keeps others from opening the
    # server's pipes.
    _check(_PRCTL(_PR_SET_DUMPABLE, 0, 0, 0, 0), "not dumpable")
    _drop_capabilities()
    die_with_parent()  # not earlier: a change of account makes the kernel forget it
    rights = _READ_DIR if problem else _FILE_RIGHTS | _READ_DIR | _MAKE_REG | _REMOVE_FILE
    entered.take("landlock", _take_landlock(runtime, listed, entered.scratch, rights))
    entered.take("seccomp", _take_filter(program))
    return entered


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends, however that comes about."""
    _PRCTL(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)


def flush_c() -> None:
    """Write what lies in the buffers of C's own streams."""
    _FFLUSH(None)


def _fork_watched(folder: str | None = None, also: int = -1) -> Watchman:
    """Return in a new process. The old one closes the descriptor `also` and stays behind. Whenever
    the new one asks, it answers with the states of the new one's child."""
    questions, answers = os.pipe(), os.pipe()
    if process := os.fork():
        for descriptor in (questions[1], answers[0], also):
            if descriptor >= 0:
                os.close(descriptor)
        _stay_behind(process, folder, questions[0], answers[1])
    os.close(questions[0])
    os.close(answers[1])
    return Watchman(questions[1], answers[0])


def _stay_behind(
    process: int, folder: str | None = None, questions: int = -1, answers: int = -1
) -> NoReturn:
    """Wait for the process that does the work, clear up, and end. SIGTERM ends that process."""
    signal.signal(signal.SIGTERM, lambda *_: _kill(process))
    for descriptor in (0, 1):  # so that their other ends see it when the process closes them
        os.close(descriptor)
    while questions >= 0 and os.read(questions, 1):
        os.write(answers, _states_of_child(process).encode() or b" ")
    os.waitpid(process, 0)
    if folder:
        with contextlib.suppress(OSError):  # the client removes it, too
            for name in os.listdir(folder):
                os.unlink(f"{folder}/{name}")
            os.rmdir(folder)
    os._exit(0)


def _states_of_child(parent: int) -> str:
    """The letters of the states of all threads of a process's child."""
    states = set()
    with contextlib.suppress(OSError):
        if os.readlink("/proc/self") != str(os.getpid()):
            return ""  # this /proc shows the processes of another namespace
        with open(f"/proc/{parent}/task/{parent}/children") as file:
            children = file.read().split()
        for child in children:
            for thread in os.listdir(f"/proc/{child}/task"):
                with (
                    contextlib.suppress(OSError),  # the thread has ended
                    open(f"/proc/{child}/task/{thread}/stat", "rb") as file,
                ):
                    states.add(file.read().rpartition(b") ")[2][:1].decode())
    return "".join(states)


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


# ---------------------------------------------------------------- the runtime


def _runtime() -> list[str]:
    """Files and folders that a candidate may read: the standard library without packages that
    were installed into it, shared libraries, time zones and harmless devices."""
    library = os.path.dirname(os.__file__)
    paths = [
        entry.path
        for entry in os.scandir(library)
        if entry.name not in ("site-packages", "dist-packages")
    ]
    for folder in _library_folders():
        if os.path.realpath(library).startswith(folder + "/"):
            shared = (entry for entry in os.scandir(folder) if ".so" in entry.name)
            paths += [entry.path for entry in shared if entry.is_file()]
        else:
            paths.append(folder)
    paths += ["/etc/ld.so.cache", "/usr/share/zoneinfo"]
    paths += ["/dev/null", "/dev/zero", "/dev/urandom"]
    return [path for path in paths if os.path.exists(path)]


def _library_folders() -> set[str]:
    """The folders of the shared libraries that this process has loaded."""
    with open("/proc/self/maps") as maps:
        files = {line.split(maxsplit=5)[-1].strip() for line in maps}
    libraries = {os.path.dirname(file) for file in files if ".so" in os.path.basename(file)}
    dynload = os.path.join(os.path.dirname(os.__file__), "lib-dynload")
    return libraries - {os.path.realpath(dynload), dynload}


# ---------------------------------------------------------------- account and capabilities


def _spare_account() -> int:
    """A user number that nobody else has. It is 0 where this process is root only in a namespace
    that lacks such a number."""
    account = 0x60000000 | os.getpid()
    with open("/proc/self/uid_map") as map:
        ranges = [[int(number) for number in line.split()] for line in map]
    return account if any(first <= account < first + count for first, _, count in ranges) else 0


def _can_read(runtime: list[str], account: int) -> bool:
    os.seteuid(account)
    try:
        return all(os.access(path, os.R_OK, effective_ids=True) for path in runtime)
    finally:
        os.seteuid(0)


def _take_account(account: int) -> str | None:
    if account:
        os.setgroups([])
        os.setresgid(account, account, account)
        os.setresuid(account, account, account)
    if os.geteuid() == 0:
        return "root started it, and no other user could be had who can read the Python runtime"
    return None


def _drop_capabilities() -> None:
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _check(_LIBC.capset(header, (ctypes.c_uint32 * 6)()), "capset")


def _counts_by_namespace() -> bool:
    """Whether RLIMIT_NPROC counts a user's threads in this user namespace only."""
    return tuple(map(int, os.uname().release.split(".")[:2])) >= _COUNTS_BY_NAMESPACE


def _threads_of(user: int) -> int:
    """How many threads the user's processes have, all of which count towards RLIMIT_NPROC."""
    count = 0
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):  # the process has ended meanwhile
            if name.isdecimal() and os.stat(f"/proc/{name}").st_uid == user:
                count += len(os.listdir(f"/proc/{name}/task"))
    return count


# ---------------------------------------------------------------- namespaces


def _enter_namespaces(
    folder: str, scratch: str, runtime: list[str], account: int, problem: int
) -> Watchman:
    """Return in a new process in namespaces of its own, while the old one waits for its end. Where
    that is denied, write why to the descriptor `problem` and end.
    """
    try:
        _unshare(account)
        die_with_parent()
        watchman = _fork_watched(also=problem)
        _change_root(folder, scratch, runtime, account)
    except OSError as error:
        os.write(problem, str(error).encode())
        os._exit(1)
    os.close(problem)
    return watchman


def _unshare(account: int) -> None:
    spaces = _NEWNS | _NEWPID | _NEWNET | _NEWIPC | _NEWUTS
    if account:  # root needs no user namespace, and could not use another account in it
        _check(_LIBC.unshare(spaces), "unshare")
        return
    user, group = os.getuid(), os.getgid()
    _check(_LIBC.unshare(_NEWUSER | spaces), "unshare")
    for file, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{file}", "w") as stream:
            stream.write(text)


def _change_root(root: str, scratch: str, runtime: list[str], account: int) -> None:
    _mount(None, "/", None, _REC | _PRIVATE)
    _mount("tmpfs", root, "tmpfs", _NOSUID | _NODEV, "mode=755,size=4m")
    for path in runtime:
        _show(path, root + path)
    for link in ("/lib", "/lib64"):  # the dynamic linker uses these names
        if os.path.islink(link):
            os.symlink(os.readlink(link), root + link)
    os.mkdir(root + scratch)
    owner = f"uid={account or os.getuid()},gid={account or os.getgid()}"
    sizes = f"size={_SCRATCH_BYTES},nr_inodes={_SCRATCH_FILES}"
    options = f"mode=700,{owner},{sizes}"
    _mount("tmpfs", root + scratch, "tmpfs", _NOSUID | _NODEV | _NOEXEC, options)
    _mount(None, root, None, _REMOUNT | _RDONLY | _NOSUID | _NODEV, "mode=755,size=4m")
    os.chroot(root)
    os.chdir("/")


def _show(path: str, target: str) -> None:
    """Make a file or folder visible under another name, read-only."""
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w"):
            pass
    _mount(path, target, None, _BIND | _REC)
    # What the source's mount forbids cannot be allowed again here.
    kept = os.statvfs(target).f_flag & (_NOSUID | _NODEV | _NOEXEC)
    _mount(None, target, None, _BIND | _REMOUNT | _RDONLY | kept)


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    text = (value.encode() if value is not None else None for value in (source, target, kind))
    _check(_LIBC.mount(*text, ctypes.c_ulong(flags), data.encode() or None), f"mount {target}")


# ---------------------------------------------------------------- landlock, seccomp


class _RulesetAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("files", "network", "scoped")]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("descriptor", ctypes.c_int32)]


class _FilterProgram(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def _take_landlock(runtime: list[str], listed: list[str], scratch: str, rights: int) -> str | None:
    version = _LIBC.syscall(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return f"{os.strerror(ctypes.get_errno())} (Linux 5.13 or newer has it, if switched on)"
    known = (1 << _KNOWN_RIGHTS.get(version, 16)) - 1
    attributes = _RulesetAttributes(known, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = ctypes.sizeof(attributes)
    ruleset = _check(_LIBC.syscall(_CREATE_RULESET, ctypes.byref(attributes), size, 0), "landlock")
    allowed = dict.fromkeys([os.path.dirname(os.__file__), *listed], _READ_DIR)
    allowed[scratch] = rights
    allowed |= dict.fromkeys(runtime, _READ_FILE | _READ_DIR) | {"/dev/null": _FILE_RIGHTS}
    for path, rights in allowed.items():
        if not os.path.isdir(path):
            rights &= _FILE_RIGHTS
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = _PathBeneath(rights & known, descriptor)
        _check(_LIBC.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0), path)
        os.close(descriptor)
    _check(_LIBC.syscall(_RESTRICT_SELF, ruleset, 0), "landlock")
    os.close(ruleset)
    return None


def _take_filter(program: bytes) -> str | None:
    if not program:
        return "no filter was given"
    try:
        Filter(program).load()
    except OSError as error:
        return error.strerror
    return None
