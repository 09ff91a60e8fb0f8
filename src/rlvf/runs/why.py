"""Explains for `rlvf why` what a run would do and why. Each cause is told once, with the cells and
the shared steps that it makes run again."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rlvf.config import Config
from rlvf.runs.causes import CELL, NEVER_MADE, SAID_ALONE, Cause, causes, in_order
from rlvf.runs.dry_run import DryRun, by_stages
from rlvf.runs.events import PlannedJob
from rlvf.text import duration

_MOST_FILES, _MOST_LINES = 4, 12
_UNEXPLAINED = "for a reason of Snakemake's own; `snakemake -n` names it"
_UNKNOWN = """\
Not known beforehand: whether the products will differ from the present ones. What follows from a
job is made again in either case."""


@dataclass
class _Unit:
    """Jobs that are told of together: the jobs of a cell, the jobs that a study needs once, or a
    single job that several share. `causes` are the jobs' own causes, and `direct` the jobs that
    have any. `after` are the jobs of other units that these jobs need, and `also` those among them
    that are told of under other causes."""

    label: tuple[str, ...]
    jobs: list[PlannedJob] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)
    direct: set[int] = field(default_factory=set)
    after: list[PlannedJob] = field(default_factory=list)
    also: list[PlannedJob] = field(default_factory=list)

    @property
    def is_cell(self) -> bool:
        return len(self.label) == len(CELL)

    @property
    def rules(self) -> str:
        """The rules of the jobs, as in `train, 2 lint; then 2 generate, 2 execute, measure`. The
        jobs with causes of their own come first."""
        direct = Counter(job.rule for job in self.jobs if job.id in self.direct)
        others = Counter(job.rule for job in self.jobs if job.id not in self.direct)
        return "; then ".join(
            ", ".join(rule if count == 1 else f"{count} {rule}" for rule, count in counts.items())
            for counts in (direct, others)
            if counts
        )


def why(run: DryRun, config: Config, seconds: Mapping[int, float], wall: str) -> str:
    """Return the whole text. `config` is the run's configuration, `seconds` has, by a job's
    id, how long the job takes, as far as that is known, and `wall` says how long all of them take
    together."""
    return "\n\n".join(filter(None, [*_entries(run, config, seconds), _end(run, seconds, wall)]))


def _entries(run: DryRun, config: Config, seconds: Mapping[int, float]) -> list[str]:
    by_cause: dict[tuple, list[_Unit]] = defaultdict(list)
    following: dict[tuple, list[_Unit]] = defaultdict(list)
    summaries = []
    for unit in _units(run, config):
        if not unit.is_cell and any(_is_of_cell(job) for job in unit.after):
            summaries.append(unit)
        elif unit.causes:
            by_cause[tuple(unit.causes)].append(unit)
        else:
            following[tuple(sorted({job.rule for job in unit.after}))].append(unit)
    entries = []
    for found, units in by_cause.items():
        if found != (Cause(NEVER_MADE),):
            inside = {job.id for unit in units for job in unit.jobs}
            for unit in units:
                unit.also = [job for job in unit.after if job.id not in inside]
        entries.append([*_lines(found), *_told(units, seconds)])
    for units in following.values():
        after = [job for unit in units for job in unit.after]
        head = f"follows from {_titles(after)}" if after else _UNEXPLAINED
        entries.append([head, *_told(units, seconds)])
    said = {_key(cause) for found in by_cause for cause in found}
    for unit in summaries:
        further = _lines(cause for cause in unit.causes if _key(cause) not in said)
        unit.direct = set()
        entries.append([*further, "follows from these cells", *_told([unit], seconds)])
    return ["\n".join(lines) for lines in entries]


def _key(cause: Cause) -> tuple[str, str]:
    """Return what two causes have in common that are one for the reader. A key of the configuration
    may have had a value for cells, from elsewhere, and none for what sums them up."""
    return cause.kind, cause.what.partition(": ")[0]


def _units(run: DryRun, config: Config) -> list[_Unit]:
    """Return the units in an order in which they could be run."""
    jobs = {job.id: job for job in run.planned}
    own = {one.job.id: causes(one, config) for one in run.jobs}
    units: dict[tuple, _Unit] = {}
    for job in by_stages(jobs.values()):
        unit = units.setdefault(_unit_of(job), _Unit(_label(job)))
        unit.jobs.append(job)
        needs = [jobs[need] for need in job.needs]
        unit.after += [need for need in needs if _unit_of(need) != _unit_of(job)]
        unit.causes = in_order({*unit.causes, *own[job.id]})
        if own[job.id]:
            unit.direct.add(job.id)
    return list(units.values())


def _is_of_cell(job: PlannedJob) -> bool:
    return set(CELL) <= set(job.wildcards)


def _label(job: PlannedJob) -> tuple[str, ...]:
    names = CELL if _is_of_cell(job) else job.wildcards
    return tuple(
        f"seed{value}" if name == "seed" else value
        for name, value in ((name, job.wildcards[name]) for name in names)
    )


def _unit_of(job: PlannedJob) -> tuple:
    alone = not _is_of_cell(job) and list(job.wildcards) != ["study"]
    return _label(job), job.rule if alone else None


# ---------------------------------------------------------------- to read


def _told(units: list[_Unit], seconds: Mapping[int, float]) -> list[str]:
    """Return lines that name units and their jobs; units with the same jobs share a line."""
    equal: dict[tuple, list[_Unit]] = defaultdict(list)
    for unit in units:
        also = tuple(sorted({job.rule for job in unit.also}))
        equal[len(unit.label), unit.rules, also].append(unit)
    lines = []
    for (_, rules, _), found in equal.items():
        names = ", ".join(_folded(unit.label for unit in found))
        amount = _amount([job for unit in found for job in unit.jobs], seconds)
        if found[0].is_cell:
            several = f"{len(found)} cells: " if len(found) > 1 else ""
            each = " each" if several else ""
            lines += [f"  {several}{names}", f"    {rules}{each}: {amount}"]
        else:
            lines.append(f"  {rules} of {names}: {amount}")
        if also := _titles(job for unit in found for job in unit.also):
            lines.append(f"    follows from {also}, too")
    return lines


def _end(run: DryRun, seconds: Mapping[int, float], wall: str) -> str:
    if run.jobs:
        amount = _amount(run.planned, seconds)
        lines = [
            f"In all {amount} one after the other; up to date: {len(run.dag) - len(run.jobs)}."
        ]
        lines += [wall, _UNKNOWN]
    else:
        lines = [f"Nothing to be done: the products of all {len(run.dag)} jobs are up to date."]
    if run.unrecorded:
        lines.append(
            f"Of {run.unrecorded} jobs .snakemake does not say how their products were made: "
            "whether code, settings or packages have changed since cannot be seen."
        )
    return "\n".join(lines)


def _amount(jobs: Iterable[PlannedJob], seconds: Mapping[int, float]) -> str:
    """Return a text such as `12 jobs, 3 min`."""
    numbers = [job.id for job in jobs]
    count = f"{len(numbers)} job{'s' if len(numbers) > 1 else ''}"
    known = [seconds[number] for number in numbers if number in seconds]
    return f"{count}, {duration(sum(known))}" if known else count


def _lines(found: Iterable[Cause]) -> list[str]:
    by_kind: dict[str, list[str]] = defaultdict(list)
    for cause in found:
        by_kind[cause.kind].append(cause.what)
    lines = []
    for kind, what in by_kind.items():
        if kind in SAID_ALONE:
            more = len(what) - _MOST_LINES
            lines += what[:_MOST_LINES] + ([f"... and {more} more"] if more > 0 else [])
        elif what == [""]:
            lines.append(kind)
        else:
            lines.append(f"{kind}: {_some(_folded(path.split('/') for path in what))}")
    return lines


def _titles(jobs: Iterable[PlannedJob]) -> str:
    """Return a text such as `pretrain_model {mini-llama,mini-qwen3}`."""
    named = sorted({(job.rule, _label(job)) for job in jobs})
    by_rule: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for rule, label in named:
        by_rule[rule].append(label)
    return _some(f"{rule} {name}" for rule, labels in by_rule.items() for name in _folded(labels))


def _some(names: Iterable[str]) -> str:
    names = list(names)
    more = len(names) - _MOST_FILES
    return ", ".join(names[:_MOST_FILES]) + (f" and {more} more" if more > 0 else "")


def _folded(labels: Iterable[Iterable[str]]) -> list[str]:
    """Join labels with a shell's braces: a/x/seed1 and a/y/seed1 become `a/{x,y}/seed1`."""
    by_length: dict[int, list[tuple]] = defaultdict(list)
    for label in labels:
        parts = tuple((part,) for part in label)
        by_length[len(parts)].append(parts)
    folded = []
    for length, boxes in by_length.items():
        for place in reversed(range(length)):
            merged: dict[tuple, dict[str, None]] = defaultdict(dict)
            for box in boxes:
                merged[box[:place] + box[place + 1 :]].update(dict.fromkeys(box[place]))
            boxes = [(*rest[:place], tuple(parts), *rest[place:]) for rest, parts in merged.items()]
        folded += ["/".join(map(_braces, box)) for box in boxes]
    return folded


def _braces(parts: Sequence[str]) -> str:
    """Join names with a shell's braces, as in `seed{1,2}` or `mini-{llama,qwen3}`."""
    if len(parts) == 1:
        return parts[0]
    common = re.match(r"seed|.*-|", parts[0])[0]
    if not all(part.startswith(common) for part in parts):
        common = ""
    return f"{common}{{{','.join(part.removeprefix(common) for part in parts)}}}"
