"""Runs untrusted code: the only place of the project that ever executes a completion.

    trainer ── Sandbox ──pipe── server ──fork── candidate
               tests, expected  standard        code, expressions to evaluate
               values, verdict  library only    (rlvf.sandbox.inside)

`Sandbox` (client.py) starts small server processes at once, so start it before torch is imported.
A server forks a fresh process for each candidate, limits its time, and passes its answers on
unread. Answers are plain data (inside/values.py); `judge.py` and `split.py` turn tests into
expressions for the candidate and its answers into verdicts.

Limits: each test has `timeout` seconds of wall time, and so has loading the code; the processor
time of all together is bounded too. All tests run even after one fails, but when the process is
lost (time limit, signal, early exit), the remaining tests get the same verdict without running.
"""

from rlvf.sandbox.client import Candidate, Sandbox

__all__ = ["Candidate", "Sandbox"]
