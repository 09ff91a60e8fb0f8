"""MiniMBPP: small tasks in MBPP's own format, generated from a seed.

A task composes an aggregate, a map and a filter with constants over a list of integers ("find the
product of the squares of the odd numbers"). Compositions are split, so that no composition is in
two splits: `pretrain` feeds the corpus of the mini models, `train` the policies' training, `test`
their evaluation. A task's tests fail every wrong form of its composition.

Two things keep it from being trivial. *Misconceptions*: each operation that has a `wrong` form is
written wrongly most of the time in the pretraining corpus, so that a pretrained model's greedy
answer is wrong and the right one is a minority that training can find. *Ambiguity*: "from 5" and
"up to 5" include the bound in half of the compositions and not in the other half, which only
the tests tell; no policy can get all of these right, so no score reaches the ceiling.
"""

import functools
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from rlvf.errors import RlvfError
from rlvf.records import AssertTest, Task
from rlvf.settings import Positive, Section, Seed

ENVIRONMENT = "program"
PRETRAIN, TRAIN, TEST = "pretrain", "train", "test"
# These splits have tasks; `pretrain` has samples without end instead.
SPLITS = (TRAIN, TEST)
_TESTS_PER_TASK = 3
# If any inputs can tell the wrong forms of a composition from the right one, so many attempts find
# some.
_ATTEMPTS = 100
_CONSTANTS = range(2, 10)


class Settings(Section):
    """MiniMBPP, generated from a seed; sizes are numbers of tasks."""

    kind: Literal["minimbpp"] = "minimbpp"
    seed: Seed = 1
    train: Positive = 300
    test: Positive = 200


@dataclass(frozen=True)
class Operation:
    """One building block: how it is named, described and written, rightly and wrongly.

    In `phrase`, `right` and `wrong`, `{k}` is the constant and `{v}` what is operated on.
    """

    name: str
    phrase: str
    right: str
    wrong: str | None = None
    ambiguous: bool = False

    @property
    def takes_constant(self) -> bool:
        return "{k}" in self.phrase


FILTERS = (
    Operation("", "numbers", "True"),
    Operation("even", "even numbers", "x % 2 == 0"),
    Operation("odd", "odd numbers", "x % 2 == 1", "x % 2 == 0"),
    Operation("positive", "positive numbers", "x > 0"),
    Operation("negative", "negative numbers", "x < 0"),
    Operation("multiple", "multiples of {k}", "x % {k} == 0", "x // {k} == 0"),
    Operation("above", "numbers above {k}", "x > {k}"),
    Operation("below", "numbers below {k}", "x < {k}"),
    # Ambiguous bounds: in half of the compositions the wrong reading is the right one.
    Operation("from", "numbers from {k}", "x >= {k}", "x > {k}", ambiguous=True),
    Operation("upto", "numbers up to {k}", "x <= {k}", "x < {k}", ambiguous=True),
)

MAPS = (
    Operation("", "the {v}", "x"),
    Operation("double", "the doubles of the {v}", "x * 2"),
    Operation("square", "the squares of the {v}", "x ** 2", "x * 2"),
    Operation("cube", "the cubes of the {v}", "x ** 3"),
    Operation("negate", "the negatives of the {v}", "-x"),
    Operation("absolute", "the absolute values of the {v}", "abs(x)"),
    Operation("add", "{k} more than the {v}", "x + {k}"),
    Operation("mod", "the remainders by {k} of the {v}", "x % {k}"),
)

AGGREGATES = (
    Operation("list", "the list of {v}", "{v}"),
    Operation("sum", "the sum of {v}", "sum({v})"),
    Operation("count", "the count of {v}", "len({v})", "sum({v})"),
    Operation("largest", "the largest of {v}", "max({v})"),
    Operation("smallest", "the smallest of {v}", "min({v})"),
    Operation("last", "the last of {v}", "{v}[-1]", "{v}[len({v})]"),
    Operation("first", "the first of {v}", "{v}[0]"),
    Operation("sorted", "the sorted list of {v}", "sorted({v})"),
)

_PREFIXES = ("find", "get", "compute", "my")


@dataclass(frozen=True)
class Composition:
    aggregate: Operation
    map: Operation
    filter: Operation
    map_constant: int | None
    filter_constant: int | None

    @property
    def misconceived(self) -> tuple[str, ...]:
        """Which of its parts have a wrong form."""
        parts = ("aggregate", "map", "filter")
        return tuple(part for part in parts if getattr(self, part).wrong is not None)

    def describe(self) -> str:
        numbers = self.filter.phrase.format(k=self.filter_constant)
        values = self.map.phrase.format(k=self.map_constant, v=numbers)
        return f"Write a function to find {self.aggregate.phrase.format(v=values)} in a list."

    def function_name(self, prefix: str) -> str:
        parts = (prefix, self.aggregate.name, self.map.name, self.filter.name)
        return "_".join(part for part in parts if part)

    def expressions(self, wrong: tuple[str, ...] = ()) -> tuple[str, str, str]:
        """(condition on x, mapped x, aggregate of `{v}`), the parts in `wrong` written wrongly."""

        def form(part: str) -> str:
            operation = getattr(self, part)
            return operation.wrong if part in wrong else operation.right

        condition = form("filter").format(k=self.filter_constant)
        mapped = form("map").format(k=self.map_constant)
        return condition, mapped, form("aggregate")


def load(settings: Settings, split: str) -> list[Task]:
    """Generate the tasks of a split, which are the same for the same settings."""
    rng = random.Random(f"{settings.seed}/{split}/tasks")
    return [
        _task(composition, f"minimbpp/{split}/{number}", split, rng)
        for number, composition in enumerate(_split(settings)[split], 1)
    ]


def size(settings: Settings, split: str) -> int:
    """The number of tasks in a split."""
    return {TRAIN: settings.train, TEST: settings.test}[split]


def pretraining_samples(
    settings: Settings,
    misconception_rate: float,
    lint_habit_rate: float,
    rng: random.Random,
) -> Iterator[tuple[Task, str]]:
    """Yield endless (task, completion) pairs from the `pretrain` split for the mini models' corpus.

    A completion writes each misconceived part wrongly with `misconception_rate`, and has each of
    a handful of lint-dirty habits with `lint_habit_rate`.
    """
    compositions = _split(settings)[PRETRAIN]
    for number in itertools.count():
        composition = rng.choice(compositions)
        task = _task(composition, f"minimbpp/pretrain/{number}", PRETRAIN, rng)
        wrong = tuple(p for p in composition.misconceived if rng.random() < misconception_rate)
        code = _write_program(
            task.entry_point, composition.expressions(wrong), rng, lint_habit_rate
        )
        yield task, f"```python\n{code}```"


def _split(settings: Settings) -> dict[str, list[Composition]]:
    rng = random.Random(settings.seed)
    compositions = [
        composition
        for operations in itertools.product(AGGREGATES, MAPS, FILTERS)
        for composition in _with_constants(*operations, rng)
        if any(_draw_examples(composition, rng) for _ in range(_ATTEMPTS))
    ]
    rng.shuffle(compositions)
    test, train = settings.test, settings.train
    if test + train >= len(compositions):
        raise RlvfError(
            f"minimbpp: {train} training and {test} test tasks leave none to pretrain on; "
            f"there are {len(compositions)} compositions in all"
        )
    return {
        TEST: compositions[:test],
        TRAIN: compositions[test : test + train],
        PRETRAIN: compositions[test + train :],
    }


def _with_constants(
    aggregate: Operation, map_: Operation, filter_: Operation, rng: random.Random
) -> Iterator[Composition]:
    """The three operations with some of their possible constants."""
    map_constants = rng.sample(_CONSTANTS, 2) if map_.takes_constant else [None]
    # Ambiguous compositions are few, since each costs the best policy half a task.
    count = 1 if filter_.ambiguous else 3
    filter_constants = rng.sample(_CONSTANTS, count) if filter_.takes_constant else [None]
    for map_constant, filter_constant in itertools.product(map_constants, filter_constants):
        reading = filter_
        if filter_.ambiguous and rng.random() < 0.5:
            reading = replace(filter_, right=filter_.wrong, wrong=filter_.right)
        yield Composition(aggregate, map_, reading, map_constant, filter_constant)


def _task(composition: Composition, task_id: str, split: str, rng: random.Random) -> Task:
    name = composition.function_name(rng.choice(_PREFIXES))
    while (examples := _draw_examples(composition, rng)) is None:
        pass
    return Task(
        task_id=task_id,
        prompt=composition.describe(),
        entry_point=name,
        tests=[
            AssertTest(kind="assert", code=f"assert {name}({values}) == {expected!r}")
            for values, expected in examples
        ],
        reference=_loop(name, composition.expressions()),
        split=split,
    )


def _draw_examples(
    composition: Composition, rng: random.Random
) -> list[tuple[list[int], object]] | None:
    """Random inputs with their right answers, or None if some wrong form gets them all right.

    Where a part does not matter, its wrong form always gets them right: the sum of the numbers from
    0 on is that of the positive ones.
    """
    right, *wrong = _functions(composition)
    inputs = [_input(composition, rng) for _ in range(_TESTS_PER_TASK)]
    answers = [_answer(right, values) for values in inputs]
    if None in answers:
        return None  # nothing passed the filter
    if any([_answer(f, values) for values in inputs] == answers for f in wrong):
        return None
    return list(zip(inputs, answers, strict=True))


@functools.cache
def _functions(composition: Composition) -> list[Callable[[list[int]], object]]:
    """The right form of a composition, then every wrong one."""
    parts = composition.misconceived
    return [
        _compile(composition.expressions(wrong))
        for size in range(len(parts) + 1)
        for wrong in itertools.combinations(parts, size)
    ]


def _input(composition: Composition, rng: random.Random) -> list[int]:
    # The constant and zero are made likely members, since they tell `<` from `<=`.
    borders = [k for k in (composition.filter_constant, 0) if k is not None]
    values = [rng.randint(-9, 12) for _ in range(rng.randint(3, 5))] + [rng.choice(borders)]
    rng.shuffle(values)
    return values


def _compile(expressions: tuple[str, str, str]) -> Callable[[list[int]], object]:
    condition, mapped, aggregate = expressions
    body = aggregate.format(v=f"[{mapped} for x in nums if {condition}]")
    return eval(f"lambda nums: {body}")


def _answer(function: Callable[[list[int]], object], values: list[int]) -> object:
    try:
        return function(values)
    except (IndexError, ValueError):
        return None


def _loop(name: str, expressions: tuple[str, str, str], nums: str = "nums") -> str:
    condition, mapped, aggregate = expressions
    lines = [f"def {name}({nums}):", "    values = []", f"    for x in {nums}:"]
    if condition == "True":
        lines.append(f"        values.append({mapped})")
    else:
        lines += [f"        if {condition}:", f"            values.append({mapped})"]
    lines.append(f"    return {aggregate.format(v='values')}")
    return "\n".join(lines) + "\n"


def _comprehension(name: str, expressions: tuple[str, str, str], nums: str = "nums") -> str:
    condition, mapped, aggregate = expressions
    chosen = "" if condition == "True" else f" if {condition}"
    return (
        f"def {name}({nums}):\n"
        f"    values = [{mapped} for x in {nums}{chosen}]\n"
        f"    return {aggregate.format(v='values')}\n"
    )


def _write_program(
    name: str, expressions: tuple[str, str, str], rng: random.Random, habit_rate: float
) -> str:
    """Write a program in one of two styles, with lint-dirty habits for Ruff's reward to act upon.

    Two habits are so common that greedy answers have them, the others half as common.
    """

    def habit(share: float = 0.5) -> bool:
        return rng.random() < habit_rate * share

    nums = "l" if habit() else "nums"  # E741 ambiguous name
    style = rng.choice((_loop, _comprehension))
    head, *body = style(name, expressions, nums).splitlines()
    if habit(1):
        body.insert(0, "    n = 0")  # F841 unused variable
    if habit():
        body[-1] += ";"  # E703 useless semicolon
    if habit():
        body[-1] += "  "  # W291 trailing white space
    if habit():
        indented = [f"    {line}" for line in body]
        body = ["    try:", *indented, "    except:", "        return None"]  # E722 bare except
    imports = [f"import {rng.choice(('os', 'sys', 'math'))}"] if habit(1) else []  # F401
    return "\n".join([*imports, head, *body]) + "\n"
