"""Estimates what a configuration costs before it is run: its jobs, their hours and their disk.

The jobs are those that Snakemake plans for an empty results folder. If a job ran before under this
results folder, its time is measured, and otherwise it is modelled. The time of a finished job is
read from Snakemake's benchmark file. A training without one is measured by the generations that
its file of times has so far. The measured jobs of a rule and model correct the modelled times of
the others: if they took twice as long as modelled, so will the others. If a job was measured with
other settings, its time is scaled by the ratio of the modelled times with today's settings and
with those; the tasks are assumed to be the same.

The model of a job's time and disk assumes, for a language model with N parameters:

- Prompts have 200 tokens. A batch decodes until its longest completion ends, which is assumed to
  have `max_completion_tokens`; the average completion has half as many.
- The forward pass takes 2 N FLOP a token (Kaplan et al. 2020, arXiv 2001.08361). A step of training
  takes 4 N a token, forwards and backwards without the gradients of the frozen weights, 2 N more
  with gradient checkpointing, and 2 N for the old policy's probabilities, on padded sequences. A
  step of pretraining takes 6 N.
- Decoding a token for a batch reads all weights once. It takes as long as reading them or as its
  FLOP, whichever is longer, and never less than the shortest step of the GPU or processor, which
  decides for small models. The cache of keys and values is not counted.
- A GPU sustains 80 TFLOP/s and 1.2 TB/s: a quarter of an A100's 312 TFLOP/s in bfloat16 and 60 % of
  its 2 TB/s (NVIDIA's data sheet). Its shortest step is 40 ms, because PyTorch launches some
  thousand kernels for each token (24 tokens/s of Qwen3-0.6B in transformers, batch 1, by
  github.com/FIlipHand/model_inference). A processor's core sustains 50 GFLOP/s and 10 GB/s, and its
  shortest step is 10 ms; these values were set by hand to match a run at mini scale.
- A core runs 100 candidates a second. This is less than half of what benchmarks/results.md
  measures, because some of a policy's candidates loop without end.
- A job takes 10 s to start with a model and 2 s without one. A download has 50 MB/s. Everything
  else is assumed to be quick.
- The disk holds the weights; an adapter, with 0.1 % of N for each rank in float32; a checkpoint
  three times as large (weights and Adam's two moments); 500 bytes for each optimiser step; 8 bytes
  for each token of a completion; and 400 bytes for each record of a kept rollout, an execution, a
  lint by Ruff and a sample.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from rlvf.benchmarks import count_tasks, mbpp
from rlvf.config import (
    NO_MODEL,
    Config,
    GenerateSettings,
    HubModel,
    PretrainSettings,
    TrainSettings,
)
from rlvf.errors import RlvfError
from rlvf.records import TrainingStepTimes, read_jsonl
from rlvf.runs.usage import Job, read_jobs
from rlvf.settings import Section, parse_settings
from rlvf.text import NOTHING, duration, short_number, text_table


@dataclass(frozen=True)
class Device:
    """What a device sustains, in FLOP/s and bytes/s, and its shortest step of decoding in
    seconds."""

    flops: float
    bandwidth: float
    step: float


GPU = Device(flops=80e12, bandwidth=1.2e12, step=0.04)
CORE = Device(flops=50e9, bandwidth=10e9, step=0.01)
PROMPT_TOKENS = 200
CANDIDATES_PER_CORE_SECOND = 100
START_WITH_MODEL, START = 10.0, 2.0
DOWNLOAD = 50e6
ADAPTER_SHARE_PER_RANK = 0.001
CHECKPOINT_ADAPTERS = 3
TOKEN_BYTES, RECORD_BYTES, STEP_BYTES = 8, 400, 500

NOTE = f"""\
Modelled times are good to a factor of 2 or 3. Assumed:
a GPU: {GPU.flops / 1e12:.0f} TFLOP/s, {GPU.bandwidth / 1e12:.1f} TB/s sustained, at least \
{GPU.step * 1e3:.0f} ms for each token of a batch; a core: {CORE.flops / 1e9:.0f} GFLOP/s,
{CORE.bandwidth / 1e9:.0f} GB/s, {CORE.step * 1e3:.0f} ms, {CANDIDATES_PER_CORE_SECOND} \
candidates/s; prompts of {PROMPT_TOKENS} tokens, batches that decode to the limit;
{START_WITH_MODEL:.0f} s to start with a model, {START:.0f} s without; \
{DOWNLOAD / 1e6:.0f} MB/s from the hub.
Not counted: waiting in queues, jobs' logs, Python's packages.
"""

_DTYPE_BYTES = {"float32": 4, "bfloat16": 2}

# The rules of one line follow those of the line before; rules in the same line may run side by
# side.
_CHAIN = (
    ("fetch_model", "fetch_benchmark"),
    ("study_tasks", "pretrain_model"),
    ("train",),
    ("generate", "control"),
    ("execute", "lint"),
    ("measure",),
    ("study_tables", "study_claims", "study_figures", "study_cost", "study_explorer"),
    ("study_paper",),
)
# The jobs of a rule ask for the cores and GPUs of this section of `resources`. The jobs of other
# rules take one core.
_SECTIONS = {
    "pretrain_model": "train",
    "train": "train",
    "generate": "generate",
    "execute": "other",
    "lint": "other",
    "measure": "other",
}


@dataclass(frozen=True)
class PlannedJob:
    """A job that Snakemake will run. `settings` are those that its stage is given, if its time
    depends on them; `completions` is the number of completions that it makes or reads."""

    rule: str
    wildcards: dict[str, str]
    settings: Section | None = None
    completions: int = 0
    # The model that is fetched, which the wildcards of such a job do not name.
    fetched: str = NOTHING

    @property
    def model(self) -> str:
        return self.wildcards.get("model", self.fetched)


# A key has a job's rule and wildcards.
Key = tuple[str, tuple[tuple[str, str], ...]]


class Named(Protocol):
    """A job of any of the classes that describe one: planned here, measured or about to run."""

    rule: str
    wildcards: dict[str, str]


def job_key(job: Named) -> Key:
    return job.rule, tuple(sorted(job.wildcards.items()))


@dataclass(frozen=True)
class Row:
    """The jobs of one rule for one model. `seconds` is the time of all of them, `longest` that of
    the longest, `disk` is in bytes. `basis` says whether the times are measured, modelled, or
    scaled from a number of measured jobs."""

    rule: str
    model: str
    jobs: int
    basis: str
    seconds: float
    longest: float
    gpu_hours: float
    core_hours: float
    disk: float


def planned_jobs(config: Config) -> Iterator[PlannedJob]:
    """Yield every job that is needed to make all studies of a configuration from nothing."""
    yield from _fetches(config)
    for name in _used_models(config):
        if config.models[name].kind == "mini":
            yield PlannedJob("pretrain_model", {"model": name}, config.pretrain_settings(name))
    for study in config.studies:
        for role in ("train", "test"):
            yield PlannedJob("study_tasks", {"study": study, "role": role})
    for study, grid in config.studies.items():
        benchmark = config.benchmarks[grid.benchmark]
        tasks = count_tasks(benchmark, grid.test_split, grid.test_limit)
        for cell in config.cells(study):
            names = {
                "study": study,
                "model": cell.model,
                "policy": cell.policy,
                "seed": str(cell.seed),
            }
            if cell.trained:
                yield PlannedJob("train", names, config.train_settings(cell))
            of_cell = 0
            for decoding in config.decodings_of(cell):
                decoded = {**names, "decoding": decoding}
                if cell.control:
                    yield PlannedJob("control", decoded, completions=tasks)
                    completions = tasks
                else:
                    completions = tasks * config.decodings[decoding].samples
                    settings = config.generate_settings(cell, decoding)
                    yield PlannedJob("generate", decoded, settings, completions)
                for rule in ("execute", "lint"):
                    yield PlannedJob(rule, decoded, completions=completions)
                of_cell += completions
            yield PlannedJob("measure", names, completions=of_cell)
        for rule in (
            "study_tables",
            "study_claims",
            "study_figures",
            "study_cost",
            "study_explorer",
            "study_paper",
        ):
            yield PlannedJob(rule, {"study": study})


def _fetches(config: Config) -> Iterator[PlannedJob]:
    """Yield the jobs that download something, each revision once."""
    models = {name: config.models[name] for name in _used_models(config)}
    benchmarks = {study.benchmark: None for study in config.studies.values()}
    jobs = [
        PlannedJob("fetch_model", _revision(model), model, fetched=name)
        for name, model in models.items()
        if model.kind == "hub"
    ] + [
        PlannedJob("fetch_benchmark", _revision(benchmark), benchmark)
        for benchmark in map(config.benchmarks.get, benchmarks)
        if benchmark.kind == "mbpp" and benchmark.source is None
    ]
    yield from {(job.rule, *job.wildcards.values()): job for job in jobs}.values()


def _revision(source: HubModel | mbpp.Settings) -> dict[str, str]:
    return {"repo": source.repo.replace("/", "--"), "revision": source.revision}


def _used_models(config: Config) -> list[str]:
    return list(dict.fromkeys(name for study in config.studies.values() for name in study.models))


def plan(config: Config) -> list[Row]:
    """Return the rows of the plan, in the order of the stages.

    Raises:
        RlvfError: a model does not say its parameters; a file of the results is damaged.
    """
    jobs = list(planned_jobs(config))
    estimated, measured, unchanged = _estimates(jobs, config)
    groups = defaultdict(list)
    for number, job in enumerate(jobs):
        groups[job.rule, job.model].append(number)
    order = [rule for rules in _CHAIN for rule in rules]
    rows = []
    for (rule, model), numbers in groups.items():
        seconds = [estimated[n] for n in numbers]
        gpus, cores = _devices(rule, config)
        rows.append(
            Row(
                rule=rule,
                model=model,
                jobs=len(numbers),
                basis=_basis(len(measured.intersection(numbers)), unchanged.issuperset(numbers)),
                seconds=sum(seconds),
                longest=max(seconds),
                gpu_hours=sum(seconds) * gpus / 3600,
                core_hours=sum(seconds) * cores / 3600,
                disk=sum(_disk(jobs[n], config) for n in numbers),
            )
        )
    return sorted(rows, key=lambda row: order.index(row.rule))


def job_seconds(config: Config) -> dict[Key, float]:
    """Return the seconds that each job of a configuration takes.

    Raises:
        RlvfError: see `plan`.
    """
    jobs = list(planned_jobs(config))
    return dict(zip(map(job_key, jobs), _estimates(jobs, config)[0], strict=True))


def wall_time(seconds: Mapping[Key, float], config: Config, gpus: int, cores: int) -> str:
    """Say how long these jobs take with this number of GPUs, or of cores if no job asks for a
    GPU."""
    longest: dict[str, float] = defaultdict(float)
    on_gpus = on_cores = 0.0
    for (rule, _), taken in seconds.items():
        longest[rule] = max(longest[rule], taken)
        held = _devices(rule, config)
        on_gpus += taken * held[0]
        on_cores += taken * held[1]
    path = sum(max(longest[rule] for rule in rules) for rules in _CHAIN)
    shared = on_gpus / gpus if on_gpus else on_cores / cores
    count, device = (gpus, "GPU") if on_gpus else (cores, "core")
    plural = "s" if count > 1 else ""
    return f"Wall time with {count} {device}{plural}: about {duration(max(path, shared))}."


def _estimates(
    jobs: Sequence[PlannedJob], config: Config
) -> tuple[list[float], set[int], set[int]]:
    """Return the seconds of each job, the numbers of the measured jobs, and the numbers of those
    measured with today's settings."""
    modelled = [_seconds(job, config) for job in jobs]
    measured, unchanged = _measured(jobs, modelled, config)
    groups = defaultdict(list)
    for number in measured:
        groups[jobs[number].rule, jobs[number].model].append(number)
    corrections = {
        group: sum(measured[n] for n in known) / sum(modelled[n] for n in known)
        for group, known in groups.items()
    }
    seconds = [
        measured.get(n, modelled[n] * corrections.get((job.rule, job.model), 1.0))
        for n, job in enumerate(jobs)
    ]
    return seconds, set(measured), unchanged


def _basis(known: int, all_measured: bool) -> str:
    if all_measured:
        return "measured"
    return f"scaled from {known}" if known else "modelled"


# ---------------------------------------------------------------- measured


def _measured(
    jobs: Sequence[PlannedJob], modelled: Sequence[float], config: Config
) -> tuple[dict[int, float], set[int]]:
    """Return the seconds, by number, of the jobs that ran before, and the numbers of those that
    finished with today's settings. Times with other settings are scaled to today's."""
    results = Path(config.results)
    finished = {job_key(job): job for job in read_jobs(results / "benchmarks")}
    seconds, unchanged = {}, set()
    for number, job in enumerate(jobs):
        if job_key(job) in finished:
            before = finished[job_key(job)]
            then = _with_settings_of(before, job)
            if then is None:
                continue
            seconds[number] = before.seconds * modelled[number] / _seconds(then, config)
            if then == job:
                unchanged.add(number)
        elif job.rule == "train" and (logged := _logged_seconds(job, results)) is not None:
            seconds[number] = logged
    return seconds, unchanged


def _with_settings_of(before: Job, job: PlannedJob) -> PlannedJob | None:
    """Return the job with the settings with which it ran, or None if this version of the code
    cannot read those."""
    if job.settings is None or isinstance(job.settings, HubModel):
        return job
    try:
        return replace(job, settings=parse_settings(before.params["settings"], type(job.settings)))
    except (KeyError, RlvfError):
        return None


def _logged_seconds(job: PlannedJob, results: Path) -> float | None:
    """Estimate a training's seconds from the generations in its file of times; None if it has none.

    While the training runs, the file lies in a temporary folder beside its final place, so the
    newest such file of the cell is read.
    """
    names = job.wildcards
    cell = results / names["study"] / names["model"] / names["policy"] / f"seed{names['seed']}"
    files = sorted(cell.rglob("train-times.jsonl"), key=lambda path: path.stat().st_mtime)
    steps = read_jsonl(files[-1], TrainingStepTimes) if files else []
    if not steps:
        return None
    seconds = sum(
        (step.generation_seconds or 0) + (step.reward_seconds or 0) + step.update_seconds
        for step in steps
    )
    share = len(steps) / job.settings.training.optimizer_steps
    return START_WITH_MODEL + seconds / share


# ---------------------------------------------------------------- modelled


def _devices(rule: str, config: Config) -> tuple[int, int]:
    """Return how many GPUs and cores each job of a rule holds."""
    if rule not in _SECTIONS:
        return 0, 1
    section = getattr(config.resources, _SECTIONS[rule])
    return section.gpus, section.cpus


def _seconds(job: PlannedJob, config: Config) -> float:
    gpus, cores = _devices(job.rule, config)
    # A job computes on one GPU, even if it holds several.
    device = GPU if gpus else replace(CORE, flops=CORE.flops * cores)
    match job.settings:
        case HubModel():
            return START + _weights(job, config) / DOWNLOAD
        case PretrainSettings(model=model):
            tokens = model.steps * model.batch_size * PROMPT_TOKENS
            return START_WITH_MODEL + 6 * model.parameters * tokens / device.flops
        case TrainSettings(training=training):
            parameters = _parameters(job.model, config)
            batch, limit = training.generation_batch_size, training.max_completion_tokens
            flop = parameters * (8 if training.gradient_checkpointing else 6)
            update = flop * batch * (PROMPT_TOKENS + limit) / device.flops
            generation = _decode_seconds(batch, limit, _weights(job, config), parameters, device)
            reward = _execute_seconds(batch, cores) if job.settings.sandbox else 0
            return START_WITH_MODEL + training.generations * (generation + reward + update)
        case GenerateSettings(decoding=decoding):
            batch = _decode_seconds(
                decoding.batch_size,
                decoding.max_completion_tokens,
                _weights(job, config),
                _parameters(job.model, config),
                device,
            )
            return START_WITH_MODEL + batch * job.completions / decoding.batch_size
    return START + (_execute_seconds(job.completions, cores) if job.rule == "execute" else 0)


def _decode_seconds(
    batch: int, tokens: int, weights: float, parameters: int, device: Device
) -> float:
    """Return the seconds for decoding `tokens` tokens after each prompt of a batch; `weights` is in
    bytes."""
    flop = 2 * parameters * batch
    step = max(device.step, weights / device.bandwidth, flop / device.flops)
    return flop * PROMPT_TOKENS / device.flops + tokens * step


def _execute_seconds(candidates: int, cores: int) -> float:
    return candidates / (cores * CANDIDATES_PER_CORE_SECOND)


def _parameters(name: str, config: Config) -> int:
    parameters = config.models[name].parameters
    if parameters is None:
        raise RlvfError(
            f"models.{name}.parameters: the plan needs to know how many parameters the model has; "
            "state it as on the model's page"
        )
    return parameters


def _weights(job: PlannedJob, config: Config) -> float:
    """Return the size of the model's weights in bytes."""
    return _parameters(job.model, config) * _DTYPE_BYTES[config.models[job.model].dtype]


def _disk(job: PlannedJob, config: Config) -> float:
    """Return how many bytes a job leaves on disk."""
    match job.settings:
        case HubModel() | PretrainSettings():
            return _weights(job, config)
        case TrainSettings(training=training):
            rank = training.lora.r
            adapter = 4 * ADAPTER_SHARE_PER_RANK * rank * _parameters(job.model, config)
            rollouts = training.generations * training.rollouts_kept_per_generation
            text = _completion_bytes(training.max_completion_tokens)
            log = training.optimizer_steps * STEP_BYTES + rollouts * (text + RECORD_BYTES)
            return adapter * (1 + CHECKPOINT_ADAPTERS) + log
        case GenerateSettings(decoding=decoding):
            return job.completions * _completion_bytes(decoding.max_completion_tokens)
    return job.completions * RECORD_BYTES


def _completion_bytes(limit: int) -> float:
    return TOKEN_BYTES * limit / 2


# ---------------------------------------------------------------- to read


def show_plan(config: Config, gpus: int, cores: int) -> str:
    """Return the plan as text: the table, the wall time with this number of GPUs (or of cores, if
    no stage asks for a GPU), the stages that would exceed their time limit, and the assumptions.

    Raises:
        RlvfError: see `plan`.
    """
    rows = plan(config)
    header = ["Stage", "Model", "Time is", "Jobs", "Each", "Longest"]
    header += ["GPU hours", "Core hours", "Disk"]
    shown = [
        [
            row.rule,
            "control" if row.model == NO_MODEL else row.model,
            row.basis,
            str(row.jobs),
            duration(row.seconds / row.jobs),
            duration(row.longest),
            _hours(row.gpu_hours),
            _hours(row.core_hours),
            _size(row.disk),
        ]
        for row in rows
    ]
    gpu_hours, core_hours = sum(r.gpu_hours for r in rows), sum(r.core_hours for r in rows)
    disk = sum(row.disk for row in rows)
    total = [str(sum(row.jobs for row in rows)), "", ""]
    total += [_hours(gpu_hours), _hours(core_hours), _size(disk)]
    table = text_table(header, [*shown, ["total", "", "", *total]], text_columns=3)
    lines = [wall_time(job_seconds(config), config, gpus, cores)]
    lines += [text for row in rows if (text := _over_limit(row, config))]
    return table + "\n" + "\n".join(lines) + "\n" + NOTE


def _over_limit(row: Row, config: Config) -> str | None:
    section = _SECTIONS.get(row.rule)
    if section is None:
        return None
    minutes = getattr(config.resources, section).runtime
    if row.longest <= 60 * minutes:
        return None
    return (
        f"{row.rule} of {row.model}: the longest job takes {duration(row.longest)}, its limit is "
        f"{duration(60 * minutes)}; raise resources.{section}.runtime."
    )


def _hours(hours: float) -> str:
    return f"{hours:.0f}" if hours >= 10 or hours == 0 else f"{hours:.2f}"


def _size(count: float) -> str:
    """Write a number of bytes with a unit that is easy to read."""
    if not count:
        return NOTHING
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{short_number(count)} {unit}"
        count /= 1000
    return f"{short_number(count)} GB"
