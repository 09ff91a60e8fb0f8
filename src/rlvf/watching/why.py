"""What a run would do and because of what, for `rlvf why`: each cause once, with the cells and
shared steps that it makes run again."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

from rlvf.watching.causes import CELL, KINDS, NEVER_MADE, PACKAGE, SETTING, Cause, causes
from rlvf.watching.dry_run import DryRun, ExplainedJob
from rlvf.watching.run import duration

# By rule and sorted wildcards, what jobs are taken to need.
Seconds = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]

_MOST_FILES, _MOST_LINES = 4, 12
_UNKNOWN = """\
Not known beforehand: whether the new products will differ from the old ones. What follows from a
job runs after it in either case."""


@dataclass
class _Unit:
    """Jobs that are told of together: those of a cell, those of a study as a whole, or one that
    several share. `causes` are their own, `direct` the jobs that have any, `after` the jobs of
    other units that they need."""

    label: tuple[str, ...]
    jobs: list[ExplainedJob] = field(default_factory=list)
    causes: tuple[Cause, ...] = ()
    direct: set[int] = field(default_factory=set)
    after: list[ExplainedJob] = field(default_factory=list)

    @property
    def cell(self) -> bool:
        return len(self.label) == len(CELL)

    @property
    def rules(self) -> tuple[tuple[tuple[str, int], ...], ...]:
        """The rules with causes of their own and those that follow, and how many jobs of each."""
        found = ([], [])
        for one in self.jobs:
            found[one.job.id not in self.direct].append(one.job.rule)
        return tuple(tuple(Counter(rules).items()) for rules in found)


def why(run: DryRun, seconds: Seconds) -> str:
    """All that a run would do, entry by entry: causes, the cells or steps that have them, their
    jobs. Without the sum; see `total`."""
    if not run.jobs:
        return f"Nothing to be done: all {run.total} jobs' products are there and up to date."
    units = _units(run)
    entries: dict[tuple, list[_Unit]] = defaultdict(list)
    summaries = []
    for unit in units:
        if not unit.cell and any(_names_cell(one) for one in unit.after):
            summaries.append(unit)
        else:
            entries[unit.causes or tuple(_titles(unit.after))].append(unit)
    parts = [_entry(key, members, seconds) for key, members in entries.items()]
    said = {cause for key in entries for cause in key if isinstance(cause, Cause)}
    parts += [_summary(unit, said, seconds) for unit in summaries]
    return "\n\n".join(parts)


def total(run: DryRun, seconds: Seconds, wall: str) -> str:
    """The sum of all, `wall` being the time that it takes, and what cannot be known."""
    lines = []
    if run.jobs:
        lines.append(f"In all {_amount(run.jobs, seconds)} of {run.total}. {wall}")
        lines.append(_UNKNOWN)
    if run.unrecorded:
        lines.append(
            f"Of {run.unrecorded} jobs .snakemake does not know how their products were made; they "
            "count as up to date, whatever has changed."
        )
    return "\n".join(lines)


def _units(run: DryRun) -> list[_Unit]:
    """In an order in which they could be run."""
    by_id = {one.job.id: one for one in run.jobs}
    needs = {one.job.id: [n for n in one.job.needs if n in by_id] for one in run.jobs}
    units: dict[tuple, _Unit] = {}
    for number in _in_order(by_id, needs):
        one = by_id[number]
        unit = units.setdefault(_key(one), _Unit(_label(one)))
        unit.jobs.append(one)
        unit.after += [
            by_id[need] for need in needs[number] if _key(by_id[need]) != _key(one)
        ]
        if own := causes(one, run.config):
            unit.direct.add(number)
            unit.causes = tuple(dict.fromkeys([*unit.causes, *own]))
    for unit in units.values():
        unit.causes = tuple(
            sorted(unit.causes, key=lambda cause: (KINDS.index(cause.kind), cause.what))
        )
    return list(units.values())


def _in_order(by_id: Mapping[int, ExplainedJob], needs: Mapping[int, list[int]]) -> list[int]:
    """By stages, and within these by name."""
    depth: dict[int, int] = {}
    for number in TopologicalSorter(needs).static_order():
        depth[number] = 1 + max((depth[need] for need in needs[number]), default=0)
    last: dict[str, int] = {}
    for number, one in by_id.items():
        last[one.job.rule] = max(last.get(one.job.rule, 0), depth[number])
    def place(number: int) -> tuple:
        one = by_id[number]
        return last[one.job.rule], one.job.rule, _label(one)

    return sorted(by_id, key=place)


def _names_cell(one: ExplainedJob) -> bool:
    return set(CELL) <= set(one.job.wildcards)


def _label(one: ExplainedJob) -> tuple[str, ...]:
    wildcards = one.job.wildcards
    names = CELL if _names_cell(one) else wildcards
    return tuple(f"seed{wildcards[name]}" if name == "seed" else wildcards[name] for name in names)


def _key(one: ExplainedJob) -> tuple[str, ...]:
    shared = not _names_cell(one) and list(one.job.wildcards) != ["study"]
    return (*_label(one), one.job.rule if shared else "")


# ---------------------------------------------------------------- to read


def _entry(key: Sequence[Cause | str], members: list[_Unit], seconds: Seconds) -> str:
    if isinstance(key[0], Cause):
        lines = _cause_lines(key)
    else:
        lines = [f"follows from {_some(key)}"]
    folded: dict[tuple, list[_Unit]] = defaultdict(list)
    for unit in members:
        folded[len(unit.label), unit.rules].append(unit)
    for (_, rules), units in folded.items():
        labels = _folded(unit.label for unit in units)
        head = f"{len(units)} cells: " if units[0].cell and len(units) > 1 else ""
        lines.append(f"  {head}{', '.join(labels)}")
        lines += _jobs_lines(rules, units, seconds)
    # Where they also follow from something that is not told of in the same entry.
    if isinstance(key[0], Cause) and key[0].kind != NEVER_MADE:
        inside = {one.job.id for unit in members for one in unit.jobs}
        outside = [one for unit in members for one in unit.after if one.job.id not in inside]
        if outside:
            lines.append(f"  follows from {_some(_titles(outside))}, too")
    return "\n".join(lines)


def _summary(unit: _Unit, said: set[Cause], seconds: Seconds) -> str:
    """What a study makes of cells that are made again."""
    lines = ["follows from these cells"]
    lines += [f"and {line}" for line in _cause_lines([c for c in unit.causes if c not in said])]
    lines.append(f"  {'/'.join(unit.label)}")
    lines += _jobs_lines(((), tuple(Counter(one.job.rule for one in unit.jobs).items())), [unit], seconds)
    return "\n".join(lines)


def _jobs_lines(rules: tuple, units: list[_Unit], seconds: Seconds) -> list[str]:
    direct, following = (
        ", ".join(rule if count == 1 else f"{count} {rule}" for rule, count in counts)
        for counts in rules
    )
    each = " each" if len(units) > 1 else ""
    named = "; then ".join(filter(None, [direct, following]))
    return [f"    {named}{each}: {_amount([one for unit in units for one in unit.jobs], seconds)}"]


def _cause_lines(found: Iterable[Cause]) -> list[str]:
    by_kind: dict[str, list[str]] = defaultdict(list)
    for cause in found:
        by_kind[cause.kind].append(cause.what)
    lines = []
    for kind, what in by_kind.items():
        if kind in (SETTING, PACKAGE):
            more = len(what) - _MOST_LINES
            lines += what[:_MOST_LINES] + ([f"... and {more} more"] if more > 0 else [])
        else:
            lines.append(f"{kind}: {_some(what)}" if what != [""] else kind)
    return lines


def _some(names: Iterable[str]) -> str:
    names = list(names)
    more = len(names) - _MOST_FILES
    return ", ".join(names[:_MOST_FILES]) + (f" and {more} more" if more > 0 else "")


def _titles(jobs: Iterable[ExplainedJob]) -> Iterator[str]:
    """`pretrain_model {mini-qwen3,mini-llama}`: by rule, what other units follow from."""
    by_rule: dict[str, dict] = defaultdict(dict)
    for one in jobs:
        by_rule[one.job.rule][_label(one)] = None
    for rule, labels in by_rule.items():
        yield from (f"{rule} {label}" for label in _folded(labels))


def _folded(labels: Iterable[tuple[str, ...]]) -> list[str]:
    """Labels of one length as in a shell: a/{x,y}/seed1 for a/x/seed1 and a/y/seed1."""
    boxes = [tuple((part,) for part in label) for label in labels]
    for place in reversed(range(len(boxes[0]))):
        merged: dict[tuple, list[str]] = defaultdict(list)
        for box in boxes:
            merged[box[:place] + box[place + 1 :]].extend(box[place])
        boxes = [
            (*rest[:place], tuple(dict.fromkeys(parts)), *rest[place:])
            for rest, parts in merged.items()
        ]
    return [
        "/".join(part[0] if len(part) == 1 else f"{{{','.join(part)}}}" for part in box)
        for box in boxes
    ]


def _amount(jobs: Sequence[ExplainedJob], seconds: Seconds) -> str:
    """`12 jobs, 3 min`."""
    known = [seconds[key] for one in jobs if (key := key_of(one)) in seconds]
    count = f"{len(jobs)} job{'s' if len(jobs) > 1 else ''}"
    return f"{count}, {duration(sum(known))}" if known else count


def key_of(one: ExplainedJob) -> tuple[str, tuple[tuple[str, str], ...]]:
    return one.job.rule, tuple(sorted(one.job.wildcards.items()))
