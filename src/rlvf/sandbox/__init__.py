"""Runs untrusted code: the only place of the project that ever executes a completion.

    trainer ── Sandbox ──pipe── server ──fork── candidate
               tests, expected  standard        code, expressions to evaluate
               values, verdict  library only    (rlvf.sandbox.inside)

`Sandbox` (client.py) starts small server processes at once, so start it before torch is imported;
it talks to each over a `Connection` (connection.py). A server forks a fresh process for each
candidate, limits its time, and passes its answers on unread. Answers are plain data
(inside/values.py); `judge.py` and `split.py` turn tests into expressions for the candidate and
its answers into verdicts; `vetting.py` names tests that test nothing.

The kernel decides what a server and its candidates may do: inside/isolation.py, syscalls.py.
docs/sandbox.md says what is kept out and how, which limits there are, and what each verdict means.
"""

from rlvf.sandbox.client import Candidate, Sandbox

__all__ = ["Candidate", "Sandbox"]
