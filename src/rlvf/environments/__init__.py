"""What a task asks, and how an answer is taken from a completion, checked and measured.

An environment is a module or a package here, which a benchmark names as its `ENVIRONMENT`. There is
no list of environments: adding one is adding its file. It has

- `Task`, the record of a task (see `rlvf.records.BaseTask`);
- `build_prompt(task, settings) -> str | list[Message]`: the prompt of a task, as text for a base
  model and as messages for a chat model (see `rlvf.settings.PromptSettings`);
- `OPENING`, with which each prompt of a base model ends, for the completion to go on in; "" if
  there is no such thing;
- `extract_answer(completion, task, opened) -> str | None`: the answer in a completion's text, where
  `opened` is what the prompt left open (see `rlvf.prompts.opened_by_prompt`);
- `CHECKS`: which of `execute` and `lint` are run on the answers;
- `CONTROLS`: policies that need no model, each with the function from a task to its answer;
- `Sample`, the record of all that is measured about one completion (see
  `rlvf.records.BaseSample`);
- `measure(cell, tasks, completions, *, tests_shown, executions, reports) -> list[Sample]`: a sample
  for each completion of one evaluation. The last two arguments are what the checks found out; an
  environment without a check has no such argument;
- `MEASURES`, the table of its measures (see `rlvf.measures`). A measure's name means the same in
  all environments that have it.

A stage calls the environment that it works for `environment`, by which rlvf.stamps knows what it
uses of it.
"""

from pathlib import Path

from rlvf.errors import RlvfError
from rlvf.measures import Measure
from rlvf.records import BaseSample, json_lines, read_jsonl
from rlvf.settings import kinds

ENVIRONMENTS = kinds(__name__, __path__)


def read_samples(path: Path) -> list[BaseSample]:
    """Return the samples of a file, as records of the environment that the first of them names.

    Raises:
        RlvfError: the file cannot be read, there is no such environment, or a line is no such
            record.
    """
    for where, first in json_lines(path, "a sample"):
        name = first.get("environment")
        if name not in ENVIRONMENTS:
            raise RlvfError(
                f"{where}: environment: there is no {name!r} (allowed: {', '.join(ENVIRONMENTS)}); "
                "measure these completions again"
            )
        environment = ENVIRONMENTS[name]
        return read_jsonl(path, environment.Sample)
    return []


def measure_named(name: str) -> Measure:
    """Return the entry of a measure in the environments' tables. For a member of a family, such as
    `verdict.passed`, it is that of the family.

    Raises:
        KeyError: there is no such measure.
    """
    for environment in ENVIRONMENTS.values():
        for measure in environment.MEASURES:
            if measure.has(name):
                return measure
    raise KeyError(name)
