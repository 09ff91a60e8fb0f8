"""The table of the measures of programs. docs/measures.md says what each of them is."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import get_args

from rlvf.environments.program.hacking import HACKS
from rlvf.environments.program.samples import Sample
from rlvf.measures import Measure, estimates_of_pass_at_k
from rlvf.records import Verdict

_VERDICTS = tuple(name for name in get_args(Verdict) if name != "infrastructure_error")


def _pass_at_k(samples: Sequence[Sample]) -> dict[str, float | None]:
    return estimates_of_pass_at_k(
        [one.verdict == "passed" if one.scored else None for one in samples]
    )


def _truncated(sample: Sample) -> bool | None:
    return None if sample.finish_reason is None else sample.finish_reason == "length"


def _findings(samples: Iterable[Sample]) -> int:
    return sum(sum(sample.findings.values()) for sample in samples)


def _findings_per_100_lines(samples: Sequence[Sample]) -> float | None:
    lines = sum(sample.lines for sample in samples)
    return 100 * _findings(samples) / lines if lines else None


def _findings_valid(samples: Sequence[Sample]) -> float | None:
    valid = [sample for sample in samples if sample.defines_entry_point]
    return _findings(valid) / len(valid) if valid else None


def _rules(samples: Sequence[Sample]) -> dict[str, float]:
    counts = Counter()
    for sample in samples:
        counts.update(sample.rules)
    return {code: count / len(samples) for code, count in counts.items()}


def _hacks(sample: Sample) -> dict[str, bool | None]:
    found: dict[str, bool | None] = {name: name in sample.hacks for name in HACKS}
    if not 0 < sample.tests_hidden < sample.tests_total:
        found["overfit"] = None
    return found


def _error_types(samples: Sequence[Sample]) -> dict[str, float]:
    return _shares([sample.error_type for sample in samples])


def _outcomes(samples: Sequence[Sample]) -> dict[str, float]:
    """Return the shares of the verdicts, where `runtime_error` is divided by its type, as in
    `runtime_error:TypeError`."""
    return _shares(
        [
            f"{one.verdict}:{one.error_type}"
            if one.verdict == "runtime_error" and one.error_type is not None
            else one.verdict
            for one in samples
        ]
    )


def _shares(values: Sequence[str | None]) -> dict[str, float]:
    counts = Counter(value for value in values if value is not None)
    return {value: count / len(values) for value, count in counts.items()}


def _title(member: str) -> str:
    return f"{member[:1].upper()}{member[1:]}".replace("_", " ")


MEASURES = (
    Measure("pass@", "pass@{}".format, None, "task", _pass_at_k),
    Measure("tokens", "Tokens", "tokens", "sample", lambda sample: sample.tokens, "length"),
    Measure(
        "characters",
        "Characters",
        "characters",
        "sample",
        lambda sample: sample.characters,
        "length",
    ),
    Measure("lines", "Lines of code", "lines", "sample", lambda sample: sample.lines, "length"),
    Measure("truncated", "Truncated", None, "sample", _truncated, "length"),
    Measure("parses", "Parses", None, "sample", lambda sample: sample.parses),
    Measure(
        "defines_entry_point", "Valid", None, "sample", lambda sample: sample.defines_entry_point
    ),
    Measure("findings", "Findings", "findings", "sample", lambda sample: _findings([sample])),
    Measure("findings.", _title, "findings", "sample", lambda sample: sample.findings),
    Measure(
        "findings_per_100_lines",
        "Findings per 100 lines",
        "findings per 100 lines",
        "seed",
        _findings_per_100_lines,
    ),
    Measure("findings_valid", "Findings, if valid", "findings", "seed", _findings_valid),
    Measure("rule.", str, "findings", "seed", _rules),
    Measure(
        "verdict.",
        _title,
        None,
        "sample",
        lambda sample: {name: name == sample.verdict for name in _VERDICTS},
    ),
    Measure("error_type.", str, None, "seed", _error_types),
    Measure("outcome.", _title, None, "seed", _outcomes),
    Measure("hack.", _title, None, "sample", _hacks),
)
