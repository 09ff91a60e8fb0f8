"""Starts a program where the kernel grants less: `python places.py PLACE PROGRAM ARGUMENT...`

container       namespaces are denied, as Docker and Apptainer do, and by the same means
user            not root (started by root only)
user-container  both
fakeroot        root of a user namespace only, as of `apptainer --fakeroot`
no-landlock     namespaces, but no Landlock, as many kernels of clusters are
old             neither namespaces nor Landlock
bare            nothing of seccomp, either
"""

import ctypes
import errno
import os
import sys
from pathlib import Path

import pyseccomp

_USER = 12345
_NEWNS, _NEWUSER, _BIND, _REC, _PRIVATE = 0x20000, 0x10000000, 4096, 16384, 1 << 18
_LIBC = ctypes.CDLL(None, use_errno=True)

DENIED = {
    "container": ["unshare", "mount", "setns"],
    "user": [],
    "user-container": ["unshare", "mount", "setns"],
    "fakeroot": [],
    "no-landlock": ["landlock_create_ruleset"],
    "old": ["unshare", "mount", "setns", "landlock_create_ruleset"],
    "bare": ["unshare", "mount", "setns", "landlock_create_ruleset", "prctl"],
}


def _deny(names):
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in names:
        if name == "prctl":  # of its many uses, only: PR_SET_SECCOMP
            rules.add_rule(pyseccomp.ERRNO(errno.EPERM), name, pyseccomp.Arg(0, pyseccomp.EQ, 22))
        else:
            rules.add_rule(pyseccomp.ERRNO(errno.EPERM), name)
    rules.load()


def _mount(source, target, kind, flags, data=None):
    arguments = [part and str(part).encode() for part in (source, target, kind)]
    if _LIBC.mount(*arguments, flags, data and data.encode()) != 0:
        raise OSError(ctypes.get_errno(), f"mount {target}")


def _open_to_others(*paths):
    """Make these readable by other users, for this process: not below a folder closed to them."""
    if _LIBC.unshare(_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    _mount(None, "/", None, _REC | _PRIVATE)
    closed = {}
    for path in map(Path, paths):
        for folder in reversed(path.parents):
            if not folder.stat().st_mode & 0o001:
                closed.setdefault(folder, {})[path] = os.open(path, os.O_PATH)
                break
    for folder, kept in closed.items():
        _mount("tmpfs", folder, "tmpfs", 0, "mode=755")
        for path, descriptor in kept.items():
            path.mkdir(parents=True, exist_ok=True)
            _mount(f"/proc/self/fd/{descriptor}", path, None, _BIND | _REC)
            os.close(descriptor)


def main():
    place, *command = sys.argv[1:]
    if place.startswith("user"):
        _open_to_others(sys.base_prefix, sys.prefix, Path(__file__).resolve().parents[2])
        os.setgroups([])
        os.setresgid(_USER, _USER, _USER)
        os.setresuid(_USER, _USER, _USER)
    if place == "fakeroot":
        user, group = os.getuid(), os.getgid()
        if _LIBC.unshare(_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    if DENIED[place]:
        _deny(DENIED[place])
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
