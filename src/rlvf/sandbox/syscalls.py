"""Which system calls a candidate may make: what CPython needs to compute, and nothing that reaches
another process, the network or the state of a file that is not its own.

There are two filters, and the stricter answer counts. The server loads the large one once. Each
candidate adds the small one, which forbids what only the server has to do. It is small because
loading costs time for each rule.

    allowed   memory, its open files, threads, time, its own signals
    refused   the call fails with PermissionError: honest programs may try it, and go on without
    killed    the process ends at once by SIGSYS, verdict `blocked`: no honest candidate does it
    others    fail as if the kernel did not have them, so that libraries use older calls instead
"""

import errno
import socket
from functools import cache
from tempfile import TemporaryFile
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyseccomp import Arg, SyscallFilter

_ALLOWED = """
brk munmap mremap mprotect madvise msync mincore membarrier read write readv writev pread64
pwrite64 lseek close dup dup2 dup3 fstat stat lstat newfstatat statx statfs fstatfs
access faccessat faccessat2 getdents getdents64 readlink readlinkat getcwd chdir fchdir rename
renameat unlink unlinkat ftruncate fallocate fsync fdatasync umask copy_file_range
sendfile fadvise64 pipe pipe2 eventfd2 poll ppoll select pselect6 epoll_create epoll_create1
epoll_ctl epoll_wait epoll_pwait sendto recvfrom shutdown getsockname getpeername setsockopt
getsockopt getpid gettid getppid getpgrp getpgid getsid getuid geteuid getgid getegid getgroups
getresuid getresgid uname sysinfo times getrusage getrlimit getpriority getcpu getrandom capget
sched_yield sched_getaffinity set_tid_address set_robust_list get_robust_list rseq futex exit
exit_group wait4 waitid restart_syscall rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending
rt_sigsuspend rt_sigtimedwait sigaltstack pause alarm setitimer getitimer nanosleep
clock_nanosleep clock_gettime clock_getres gettimeofday time
"""
_REFUSED = """
creat mkdir mkdirat rmdir symlink symlinkat link linkat mknod mknodat truncate memfd_create
chmod fchmod fchmodat fchmodat2 chown fchown fchownat lchown utime utimes utimensat futimesat
setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr
setrlimit setpriority sched_setaffinity sched_setscheduler sched_setparam sched_setattr
ioprio_set setuid setgid setreuid setregid setresuid setresgid setgroups setsid setpgid tgkill
"""
_KILLED = """
fork vfork execve execveat ptrace process_vm_readv process_vm_writev process_madvise kcmp
pidfd_getfd pidfd_send_signal kill tkill rt_sigqueueinfo rt_tgsigqueueinfo
socket connect bind listen accept accept4 sendmsg sendmmsg
unshare setns mount umount2 pivot_root chroot fsopen fsmount fspick move_mount open_tree
mount_setattr open_by_handle_at quotactl swapon swapoff reboot kexec_load init_module
finit_module delete_module acct syslog iopl ioperm modify_ldt
bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register
keyctl add_key request_key shmget shmat shmctl msgget msgsnd msgctl semget semctl mq_open
mq_unlink inotify_init inotify_init1 fanotify_init sethostname setdomainname settimeofday
clock_settime adjtimex clock_adjtime landlock_create_ruleset seccomp
"""
# These calls are allowed by the value of an argument. The commands of fcntl are those for
# duplicates, flags and record locks. They must not say whom to send which signal (SETOWN, SETSIG)
# and how large a pipe is. Those of ioctl ask whether it is a terminal, what size that has and how
# much there is to read, or set blocking and close on exec.
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 1030)
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
_PRCTL = (15, 16)  # a thread's name
_RLIMIT_STACK = 3
_CLONE_THREAD, _CLONE_FILES = 0x10000, 0x400
_MAP_SHARED, _CLOSE_RANGE_UNSHARE, _RENAME_WHITEOUT = 1, 2, 4
_O_ACCMODE_TRUNC, _O_TRUNC = 0o1003, 0o1000
_OPTIMIZE_AS_TREE = 2


# What the server needs, and a candidate must not have.
_SERVER = (
    *("clone", "fork", "vfork", "kill", "pidfd_open", "memfd_create", "setrlimit", "prlimit64"),
    "prctl",
)


@cache
def filters() -> tuple[bytes, bytes]:
    """The server's filter and the candidate's, in the kernel's own binary form.

    Raises:
        OSError: libseccomp is not installed.
    """
    try:
        import pyseccomp
    except RuntimeError as error:
        raise OSError(
            "libseccomp is missing; install it (Debian, Ubuntu: libseccomp2; Fedora: libseccomp)"
        ) from error
    return _server(pyseccomp), _candidate(pyseccomp)


def _server(s: ModuleType) -> bytes:
    refuse = s.ERRNO(errno.EPERM)
    rules = s.SyscallFilter(s.ERRNO(errno.ENOSYS))
    rules.set_attr(s.Attr.ACT_BADARCH, s.KILL_PROCESS)
    rules.set_attr(s.Attr.CTL_OPTIMIZE, _OPTIMIZE_AS_TREE)
    for action, names in ((s.ALLOW, _ALLOWED), (refuse, _REFUSED), (s.KILL_PROCESS, _KILLED)):
        for name in names.split():
            if name not in _SERVER:
                _add(rules, action, name)
    for name in _SERVER:
        _add(rules, s.ALLOW, name)
    for name, values in (("fcntl", _FCNTL), ("ioctl", _IOCTL)):
        for value in values:
            _add(rules, s.ALLOW, name, s.Arg(1, s.EQ, value))
    # Reading with O_TRUNC empties the file, which Landlock sees only from its version 3 on.
    for name, place in (("open", 1), ("openat", 2)):
        for mode in (0, 1, 2):
            _add(rules, s.ALLOW, name, s.Arg(place, s.MASKED_EQ, _O_ACCMODE_TRUNC, mode))
        for mode in (1, 2):
            _add(rules, s.ALLOW, name, s.Arg(place, s.MASKED_EQ, _O_ACCMODE_TRUNC, _O_TRUNC | mode))
        _add(rules, refuse, name, s.Arg(place, s.MASKED_EQ, _O_ACCMODE_TRUNC, _O_TRUNC))
    # Memory that is shared outlives its address space, which alone is limited. A table of
    # descriptors for each thread would multiply their limit. A whiteout is a device.
    for name, place, flag in (
        ("mmap", 3, _MAP_SHARED),
        ("close_range", 2, _CLOSE_RANGE_UNSHARE),
        ("renameat2", 4, _RENAME_WHITEOUT),
    ):
        _add(rules, s.ALLOW, name, s.Arg(place, s.MASKED_EQ, flag, 0))
        _add(rules, refuse, name, s.Arg(place, s.MASKED_EQ, flag, flag))
    # asyncio makes such a pair of connected streams for itself. Datagrams could be sent to others.
    stream = s.Arg(1, s.MASKED_EQ, 0xF, socket.SOCK_STREAM)
    _add(rules, s.ALLOW, "socketpair", s.Arg(0, s.EQ, socket.AF_UNIX), stream)
    return _export(rules)


def _candidate(s: ModuleType) -> bytes:
    refuse = s.ERRNO(errno.EPERM)
    rules = s.SyscallFilter(s.ALLOW)
    rules.set_attr(s.Attr.ACT_BADARCH, s.KILL_PROCESS)
    for name in ("fork", "vfork"):  # not every processor has these
        _add(rules, s.KILL_PROCESS, name)
    rules.add_rule(s.KILL_PROCESS, "kill")
    _add(rules, s.KILL_PROCESS, "pidfd_open")
    # Processes may not be made, threads may. (clone3, whose flags no filter can see, fails.)
    for flag in (_CLONE_THREAD, _CLONE_FILES):
        rules.add_rule(s.KILL_PROCESS, "clone", s.Arg(0, s.MASKED_EQ, flag, 0))
    for name in ("memfd_create", "setrlimit"):
        rules.add_rule(refuse, name)
    # Limits may be read, and that of the stack may be set, but never those of another process.
    rules.add_rule(refuse, "prlimit64", s.Arg(0, s.NE, 0))
    rules.add_rule(refuse, "prlimit64", s.Arg(1, s.NE, _RLIMIT_STACK), s.Arg(2, s.NE, 0))
    # prctl may only be used for a thread's name.
    first, last = _PRCTL
    rules.add_rule(refuse, "prctl", s.Arg(0, s.LT, first))
    rules.add_rule(refuse, "prctl", s.Arg(0, s.GT, last))
    return _export(rules)


def _add(rules: "SyscallFilter", action: int, name: str, *arguments: "Arg") -> None:
    """Add a rule if there is such a call. Where it is not known, it has no rule and is refused."""
    try:
        rules.add_rule(action, name, *arguments)
    except OSError as error:
        # This version of libseccomp does not know the call yet, or the processor never had it.
        if error.errno not in (errno.EFAULT, errno.EDOM, errno.ENOENT, errno.EINVAL):
            raise


def _export(rules: "SyscallFilter") -> bytes:
    with TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()
