"""What a process takes over from the one that started it, and depends on."""

import os
import signal
import sys


def settle() -> None:
    """Give this process what every program counts on, whoever started it.

    It has three standard streams, of which a daemon may have closed some: else a file is opened in
    their place and written to by mistake. The end of its children can be awaited, which is not so
    while SIGCHLD is ignored. Signals arrive, which is not so while they are blocked. An ignored
    SIGINT or SIGHUP stays ignored: that is what `nohup` and a shell's `&` are for.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    # Some terminals do not know every character of a table. Files are always UTF-8.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
