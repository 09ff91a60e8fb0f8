"""The half of the sandbox that shares a machine account with untrusted code.

`server` is a small process that forks one `candidate` process per job, both confined by
`isolation`; `values` and `wire` are what the two halves agree on. Nothing here imports more than
the standard library, and nothing here ever holds an expected value, except in tests that could not
be split.
"""
