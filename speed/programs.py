"""Measures how many tests of programs that read standard input are run in a second.

The programs are the same in every run. Each of six problems is solved in ten ways: with five ways
of reading, in a function or not. Every tenth program is made faulty, as programs of a policy may
be: it prints too much, or fails on some inputs.
"""

import bisect
import itertools
import random
import textwrap
from collections.abc import Callable
from typing import Any, NamedTuple

from rlvf.records import StdioTest, Task
from speed.contenders import PROGRAM_CONTENDERS
from speed.execution import measure_execution
from speed.report import contender_rates

_TESTS = 12
_EVERY = 10
_FAULTS = ("print(n)", "assert len(set(values)) < n - 2, 'not this one'")

_READERS = (
    "n = int(input())\nvalues = list(map(int, input().split()))",
    "import sys\nn = int(sys.stdin.readline())\n"
    "values = [int(word) for word in sys.stdin.readline().split()]",
    "import sys\nn, *values = map(int, sys.stdin.read().split())",
    "import sys\nlines = sys.stdin.read().splitlines()\nn = int(lines[0])\n"
    "values = list(map(int, lines[1].split()))",
    "import sys\ndata = sys.stdin.buffer.read().split()\nn = int(data[0])\n"
    "values = [int(word) for word in data[1:]]",
)


class _Problem(NamedTuple):
    """A problem about a list of numbers: the body of a program that solves it, and a function that
    finds the answer in another way."""

    imports: str
    body: str
    answer: Callable[[list[int]], int]


def _longest_rise(values: list[int]) -> int:
    longest: list[int] = []
    for place, value in enumerate(values):
        before = (longest[n] for n in range(place) if values[n] < value)
        longest.append(1 + max(before, default=0))
    return max(longest)


def _apart(values: list[int]) -> int:
    """Return the largest sum of numbers of which no two are neighbours."""
    taken, left = 0, 0
    for value in values:
        taken, left = left + value, max(taken, left)
    return max(taken, left)


def _merging(values: list[int]) -> int:
    left, cost = sorted(values), 0
    while len(left) > 1:
        both = left.pop(0) + left.pop(0)
        cost += both
        bisect.insort(left, both)
    return cost


_PROBLEMS = (
    _Problem(
        "from collections import defaultdict",
        """
        seen = defaultdict(int)
        best = 0
        for value in values:
            seen[value] += 1
            best = max(best, seen[value])
        print(best)
        """,
        lambda values: max(map(values.count, values)),
    ),
    _Problem(
        "from bisect import bisect_left",
        """
        tails = []
        for value in values:
            place = bisect_left(tails, value)
            if place == len(tails):
                tails.append(value)
            else:
                tails[place] = value
        print(len(tails))
        """,
        _longest_rise,
    ),
    _Problem(
        "import heapq",
        """
        heap = values[:]
        heapq.heapify(heap)
        cost = 0
        while len(heap) > 1:
            both = heapq.heappop(heap) + heapq.heappop(heap)
            cost += both
            heapq.heappush(heap, both)
        print(cost)
        """,
        _merging,
    ),
    _Problem(
        "",
        """
        best = current = values[0]
        for value in values[1:]:
            current = max(value, current + value)
            best = max(best, current)
        print(best)
        """,
        lambda values: max(
            sum(values[a:b]) for a, b in itertools.combinations(range(len(values) + 1), 2)
        ),
    ),
    _Problem(
        "from functools import lru_cache",
        """
        @lru_cache(maxsize=None)
        def best(place):
            if place >= n:
                return 0
            return max(best(place + 1), best(place + 2) + values[place])
        print(best(0))
        """,
        _apart,
    ),
    _Problem(
        "",
        """
        stack, total = [], 0
        sums = [0] * (n + 1)
        for place, value in enumerate(values):
            while stack and values[stack[-1]] >= value:
                stack.pop()
            before = stack[-1] if stack else -1
            sums[place + 1] = sums[before + 1] + value * (place - before)
            total += sums[place + 1]
            stack.append(place)
        print(total)
        """,
        lambda values: sum(
            min(values[a:b]) for a, b in itertools.combinations(range(len(values) + 1), 2)
        ),
    ),
)


def make_programs() -> tuple[list[Task], set[str]]:
    """Return a task for each program, which is the task's reference, and the ids of the faulty
    ones."""
    tasks, faulty = [], set()
    ways = itertools.product(range(len(_PROBLEMS)), range(len(_READERS)), (False, True))
    for number, (problem, reader, in_function) in enumerate(ways):
        fault = _FAULTS[number // _EVERY % len(_FAULTS)] if number % _EVERY == _EVERY - 1 else ""
        task = _task(number, _PROBLEMS[problem], _READERS[reader], in_function, fault)
        tasks.append(task)
        if fault:
            faulty.add(task.task_id)
    return tasks, faulty


def _task(number: int, problem: _Problem, reader: str, in_function: bool, fault: str) -> Task:
    body = "\n".join((reader, textwrap.dedent(problem.body).strip(), fault)).strip()
    if in_function:
        body = f"def main():\n{textwrap.indent(body, '    ')}\n\n"
        body += "if __name__ == '__main__':\n    main()"
    return Task(
        task_id=f"program/{number}",
        prompt="",
        entry_point="main",
        tests=[_test(problem, random.Random(f"{number} {n}")) for n in range(_TESTS)],
        reference=f"{problem.imports}\n{body}\n".lstrip(),
        split="test",
    )


def _test(problem: _Problem, chance: random.Random) -> StdioTest:
    values = [chance.randint(1, 99) for _ in range(chance.randint(20, 60))]
    stdin = f"{len(values)}\n{' '.join(map(str, values))}\n"
    return StdioTest(kind="stdio", stdin=stdin, stdout=f"{problem.answer(values)}\n")


def measure_programs(repeat: int, limit: int | None = None) -> dict[str, Any]:
    """Return the tests a second, on one core, of the first `limit` programs. All tests of a program
    count, even if one fails and the rest are not run.

    Raises:
        RlvfError: see `measure_execution`.
    """
    tasks, faulty = make_programs()
    tasks = tasks[:limit]
    faulty &= {task.task_id for task in tasks}
    rows = measure_execution(tasks, list(PROGRAM_CONTENDERS), repeat, cores=1, faulty=faulty)
    count = sum(len(task.tests) for task in tasks)
    return {
        "programs": len(tasks),
        "faulty": len(faulty),
        "tests": count,
        "repeat": repeat,
        "contenders": contender_rates(rows, count, cores=1),
    }
