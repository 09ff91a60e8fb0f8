"""Prints the progress of long work, one line now and then, so that logs stay readable."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

_SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Counts towards a total on standard error: `generate: 120/500 (24 %), 35 s, 110 s left`."""

    def __init__(self, what: str, total: int):
        self.what, self.total = what, total
        self.start = self.last = time.monotonic()

    def count(self, items: Iterable[T]) -> Iterator[T]:
        """The items, each counted as it goes by."""
        for done, item in enumerate(items, 1):
            self.update(done)
            yield item

    def update(self, done: int, note: str = "") -> None:
        """Say how far it is, at most every ten seconds and at the end."""
        now = time.monotonic()
        if done < self.total and now - self.last < _SECONDS_BETWEEN_LINES:
            return
        self.last = now
        elapsed = now - self.start
        left = f", {elapsed / done * (self.total - done):.0f} s left" if done > 0 else ""
        share = 100 * done // max(self.total, 1)
        note = f"  {note}" if note else ""
        print(
            f"{self.what}: {done}/{self.total} ({share} %), {elapsed:.0f} s{left}{note}",
            file=sys.stderr,
            flush=True,
        )
