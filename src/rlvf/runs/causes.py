"""Finds out why a planned job would run and names what the user changed: a file, a key of the
configuration or a version. A job that runs only because another one does has no causes here."""

import ast
import itertools
import json
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rlvf import layout
from rlvf.config import Config
from rlvf.runs.dry_run import ExplainedJob

CELL = ("study", "model", "policy", "seed")


class Cause(NamedTuple):
    """One reason for which a job would run. `kind` is one of the texts below; `what` names what
    changed, and is empty where the kind says everything."""

    kind: str
    what: str = ""


FORCED = "asked for on Snakemake's command line"
NEVER_MADE = "never made"
MISSING = "missing"
INCOMPLETE = "incomplete (a run was cut off, or is still at work)"
CHANGED = "changed"
NEWER = "newer than what was made of it"
REMOVED = "no longer read"
ADDED = "not read before"
SETTING = "setting"
CODE = "code changed"
CODE_REMOVED = "code no longer used"
CODE_ADDED = "code not used before"
PACKAGE = "package"
COMMAND = "another command in"
PARAMETERS = "other parameters than before"
CONTAINER = "container"

# This is the order in which the kinds are shown.
_KINDS = [FORCED, NEVER_MADE, MISSING, INCOMPLETE, CHANGED, NEWER, REMOVED, ADDED, SETTING, CODE]
_KINDS += [CODE_REMOVED, CODE_ADDED, PACKAGE, COMMAND, PARAMETERS, CONTAINER]
# A cause of one of these kinds is shown as `what` alone, without the name of its kind.
SAID_ALONE = {SETTING, PACKAGE, CONTAINER}


def in_order(found: Iterable[Cause]) -> list[Cause]:
    return sorted(found, key=lambda cause: (_KINDS.index(cause.kind), cause.what))


_LONGEST_VALUE = 60
_ABSENT = object()


def causes(explained: ExplainedJob, config: Config) -> set[Cause]:
    """Return why a job would run even if no other job did. The set is empty if the job only
    follows from others."""
    return set(_causes(explained, config))


def _causes(explained: ExplainedJob, config: Config) -> Iterator[Cause]:
    if explained.forced:
        yield Cause(FORCED)
    if not explained.recorded and explained.missing:
        yield Cause(NEVER_MADE)
        return
    paths = {
        MISSING: explained.missing,
        INCOMPLETE: explained.incomplete,
        CHANGED: explained.changed,
        NEWER: explained.newer,
        REMOVED: explained.inputs_removed,
        ADDED: explained.inputs_added,
    }
    folder = _folder(explained, config)
    for kind, found in paths.items():
        if kind == MISSING and not folder:
            found = [""] * bool(found)  # the name of the rule says which file it is
        yield from (Cause(kind, path.removeprefix(folder)) for path in found)
    yield from _parameters(explained, config)
    if explained.command:
        yield Cause(COMMAND, _relative(explained.command))
    if explained.environment:
        before, now = explained.environment.before, explained.environment.now
        yield Cause(CONTAINER, _change("container", before, now))


def _folder(explained: ExplainedJob, config: Config) -> str:
    """Return the path of the job's cell, which is left out of paths because the cell is named
    elsewhere; it is empty if the job does not belong to a cell."""
    if not set(CELL) <= set(explained.job.wildcards):
        return ""
    return f"{config.results}/{layout.CELL.format(**explained.job.wildcards)}/"


def _relative(path: str) -> str:
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


# ---------------------------------------------------------------- parameters


def _parameters(explained: ExplainedJob, config: Config) -> Iterator[Cause]:
    before = _by_kind(explained.params_before)
    now = _by_kind(explained.params_now)
    if set(before) != set(now) or "other" in now:
        yield Cause(PARAMETERS)
    # There are several old values if the outputs were made at different times.
    for old, new in itertools.product(before.get("stamps", ()), now.get("stamps", ())):
        yield from _stamps(old, new)
    for old, new in itertools.product(before.get("slice", ()), now.get("slice", ())):
        yield from _settings(explained, old, new, config)


def _by_kind(params: list[str]) -> dict[str, list]:
    """Sort parameters, each written as by Python's repr, into stamps (lists of text), slices of the
    configuration (mappings, given as JSON or as the options of a command) and others."""
    found: dict[str, list] = {}
    for text in params:
        value = ast.literal_eval(text)
        if isinstance(value, list):
            found.setdefault("stamps", []).append(value)
        elif isinstance(value, str) and value.startswith("{"):
            found.setdefault("slice", []).append(json.loads(value))
        elif isinstance(value, str) and value.startswith("--"):
            found.setdefault("slice", []).append(_options(value))
        else:
            found.setdefault("other", []).append(value)
    return found


def _options(text: str) -> dict[str, Any]:
    """Return each option's value, or the list of its values if the option is given repeatedly."""
    found: dict[str, list] = {}
    words = shlex.split(text)
    for word, value in itertools.pairwise(words):
        if word.startswith("--"):
            value = json.loads(value) if value.startswith("{") else value
            found.setdefault(word.removeprefix("--"), []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _stamps(before: list[str], now: list[str]) -> Iterator[Cause]:
    old, new = dict(map(_stamp, before)), dict(map(_stamp, now))
    for name in {**old, **new}:
        was, is_ = old.get(name), new.get(name)
        if was == is_:
            continue
        if "/" not in name:
            yield Cause(PACKAGE, f"{name} {was or 'not used'} -> {is_ or 'not used'}")
        else:
            kind = CODE if was and is_ else CODE_ADDED if is_ else CODE_REMOVED
            yield Cause(kind, f"src/{name}")


def _stamp(text: str) -> tuple[str, str]:
    """Split a stamp (see rlvf.stamps) into file and checksum, or into package and version."""
    for mark in ("@", "=="):
        name, found, value = text.partition(mark)
        if found:
            return name, value
    name, _, missing = text.partition(" is ")
    return name, missing


def _settings(explained: ExplainedJob, before: dict, now: dict, config: Config) -> Iterator[Cause]:
    for keys, old, new in _differences(before, now):
        if key := config.key_of(explained.job.rule, explained.job.wildcards, keys):
            yield Cause(SETTING, _change(key, old, new))


def _differences(before: Any, now: Any) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Yield the innermost keys whose values differ, each with its value before and now."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in {**before, **now}:
            for keys, *values in _differences(before.get(key, _ABSENT), now.get(key, _ABSENT)):
                yield (key, *keys), *values
    elif before != now:
        yield (), before, now


def _change(key: str, before: Any, now: Any) -> str:
    if any(isinstance(value, dict) for value in (before, now)):  # a whole part was added or removed
        before, now = ("used" if isinstance(value, dict) else "not used" for value in (before, now))
    if any(isinstance(value, list) and _has_mappings(value) for value in (before, now)):
        return f"{key}: changed"
    return f"{key}: {_short(before)} -> {_short(now)}"


def _has_mappings(values: list) -> bool:
    return any(isinstance(value, dict) for value in values)


def _short(value: Any) -> str:
    if value is _ABSENT or value is None:
        return "none"
    if isinstance(value, list):
        text = f"[{', '.join(map(str, value))}]"
    else:
        text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."
