"""The command line: one sub-command per stage, explicit files in, explicit files out.

Imports of torch and its like stand inside the commands that need them, so that the others start
at once and so that the sandbox starts from a small process.
"""

import argparse
import os
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from rlvf import inherited
from rlvf.benchmarks import BENCHMARKS
from rlvf.checksums import note_of, verify_folder, write_note
from rlvf.config import (
    GenerateSettings,
    PretrainSettings,
    TablesSettings,
    TrainSettings,
    load_config,
    parse_config,
)
from rlvf.errors import RlvfError
from rlvf.extraction import code_of
from rlvf.machine import cores
from rlvf.models import environment
from rlvf.progress import Progress
from rlvf.provenance.place import place_line
from rlvf.records import (
    CellId,
    Completion,
    DecodedCellId,
    Execution,
    LintReport,
    R,
    Sample,
    Task,
    TrainingStep,
    TrainingStepTimes,
    read_jsonl,
    read_tasks,
    write_jsonl,
)
from rlvf.settings import FetchSettings, LintSettings, SandboxSettings, parse_settings

_SECONDS_BETWEEN_SCREENS = 3.0
_SETTINGS_HELP = "settings as JSON text, or a JSON or YAML file"


def main(arguments: list[str] | None = None) -> int:
    """Run one sub-command. Returns the exit status: 1 after one line that says what is wrong."""
    inherited.settle()
    parser = command_line()
    options, further = parser.parse_known_args(arguments)
    if options.run is _why:  # they are Snakemake's, with or without -- before them
        options.snakemake = further[1:] if further[:1] == ["--"] else further
    elif further:
        parser.error(f"unrecognized arguments: {' '.join(further)}")
    # What libraries tell their developers about coming versions; ours are pinned.
    warnings.filterwarnings("ignore", category=FutureWarning)
    try:
        if options.runs_snakemake and not Path("Snakefile").exists():
            raise RlvfError("there is no Snakefile here; call this in the checkout")
        if options.makes_folder:
            _may_be_replaced(options.out)
        options.run(options)
        if options.makes_folder:
            write_note(options.out)
        if options.makes_product:
            print(place_line(options.stage), file=sys.stderr)
    except RlvfError as error:
        print(f"rlvf {options.stage}: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stop:
        left = str(stop) or "no half-written file is left"
        print(f"rlvf {options.stage}: interrupted; {left}", file=sys.stderr)
        return 130
    return 0


def command_line() -> argparse.ArgumentParser:
    """All sub-commands with their options."""
    parser = argparse.ArgumentParser(
        prog="rlvf",
        description="Reinforcement learning from verification feedback: the stages of the "
        "workflow. Snakemake calls them; each can be run by hand.",
    )
    stages = parser.add_subparsers(title="stages", dest="stage", required=True, metavar="STAGE")

    def stage(name: str, run: Callable, summary: str) -> argparse.ArgumentParser:
        sub = stages.add_parser(name, help=summary, description=summary)
        sub.set_defaults(run=run, makes_product=False, makes_folder=False, runs_snakemake=False)
        return sub

    sub = stage("tasks", _tasks, "Write the tasks of one split of a benchmark.")
    sub.add_argument("--benchmark", choices=list(BENCHMARKS), required=True)
    sub.add_argument("--split", required=True, help="train, test, ... as the benchmark names them")
    sub.add_argument(
        "--source", type=Path, help="MBPP: a folder made by `rlvf fetch`, or a copy of mbpp.jsonl"
    )
    sub.add_argument("--limit", type=_positive(int), help="only the first so many tasks")
    sub.add_argument("--settings", help=f"the benchmark's {_SETTINGS_HELP}")
    _out(sub, "tasks.jsonl")

    sub = stage(
        "fetch",
        _fetch,
        "Download a published model or a benchmark's dataset at a pinned revision. Run again, it "
        "goes on where it stopped, and repairs what is damaged.",
    )
    sub.add_argument("--settings", required=True, help=f"kind, repo, revision: {_SETTINGS_HELP}")
    sub.add_argument(
        "--note", type=Path, metavar="FILE", help="write what was fetched, with checksums, here too"
    )
    _out(sub, "a folder")

    sub = stage("pretrain", _pretrain, "Pretrain a mini model on its generated corpus.")
    sub.add_argument(
        "--settings", required=True, help=f"model, benchmark, prompt: {_SETTINGS_HELP}"
    )
    _out_folder(sub, "a model folder")

    sub = stage("train", _train, "Train a policy with GRPO or GSPO and verification rewards.")
    sub.add_argument("--model", type=Path, required=True, help="model folder")
    sub.add_argument("--tasks", type=Path, required=True, help="tasks.jsonl to train on")
    sub.add_argument("--settings", required=True, help=f"the cell's {_SETTINGS_HELP}")
    sub.add_argument("--log", type=Path, required=True, help="JSON Lines, one per optimiser step")
    sub.add_argument("--rollouts", type=Path, required=True, help="a sample of the completions")
    sub.add_argument(
        "--times", type=Path, required=True, help="JSON Lines: what each optimiser step took"
    )
    sub.add_argument(
        "--checkpoints",
        type=Path,
        metavar="FOLDER",
        help="where an interrupted run leaves what the same command goes on from; on SIGTERM or "
        "SIGUSR1 the run stops there after the current optimiser step (default: nowhere)",
    )
    sub.add_argument(
        "--checkpoint-every",
        type=_positive(int),
        default=5,
        metavar="N",
        help="generations from one checkpoint to the next (default: 5)",
    )
    _workers(sub)
    _out_folder(sub, "the adapter's folder")

    sub = stage("generate", _generate, "Write completions of a policy.")
    sub.add_argument("--model", type=Path, required=True, help="model folder")
    sub.add_argument("--adapter", type=Path, help="adapter folder (none: the base model)")
    sub.add_argument("--tasks", type=Path, required=True, help="tasks.jsonl to answer")
    sub.add_argument("--settings", required=True, help=f"seed, prompt, decoding: {_SETTINGS_HELP}")
    _out(sub, "completions.jsonl")

    sub = stage("control", _control, "Write the completions of a control, which needs no model.")
    sub.add_argument("--policy", choices=["reference", "empty"], required=True)
    sub.add_argument("--tasks", type=Path, required=True)
    _out(sub, "completions.jsonl")

    sub = stage("execute", _execute, "Run completions against their tests in the sandbox.")
    sub.add_argument("--tasks", type=Path, required=True)
    sub.add_argument("--completions", type=Path, required=True)
    sub.add_argument("--settings", help=f"the sandbox's {_SETTINGS_HELP}")
    sub.add_argument(
        "--timeout",
        type=_positive(float),
        help="seconds of processor time for each test, instead of the settings'",
    )
    sub.add_argument(
        "--times", type=Path, help="JSON Lines: what each execution took (default: not written)"
    )
    _workers(sub)
    _out(sub, "executions.jsonl")

    sub = stage("lint", _lint, "Check completions with Ruff.")
    sub.add_argument("--completions", type=Path, required=True)
    sub.add_argument(
        "--tasks",
        type=Path,
        help="where completions have no `code`: these tell which block of code is the answer",
    )
    sub.add_argument("--settings", help=f"rules and severities: {_SETTINGS_HELP}")
    _out(sub, "ruff.jsonl")

    sub = stage("measure", _measure, "Join what is known of each completion of a cell.")
    sub.add_argument("--cell", required=True, help="study, model, policy, seed as JSON")
    sub.add_argument("--tasks", type=Path, required=True)
    sub.add_argument(
        "--decoding",
        nargs=4,
        action="append",
        required=True,
        metavar=("NAME", "COMPLETIONS", "EXECUTIONS", "RUFF"),
        help="one of the cell's decodings and its three files; once for each",
    )
    sub.add_argument(
        "--tests-shown",
        type=_count,
        required=True,
        metavar="N",
        help="the prompt showed the first N tests of each task",
    )
    _out(sub, "samples.jsonl")

    sub = stage("explorer", _explorer, "Make the page on which people read a study's completions.")
    sub.add_argument("--tasks", type=Path, required=True)
    sub.add_argument(
        "--decoding",
        nargs=5,
        action="append",
        required=True,
        metavar=("NAME", "COMPLETIONS", "EXECUTIONS", "RUFF", "SAMPLES"),
        help="a decoding of a cell, its three files and the cell's samples; once for each",
    )
    sub.add_argument("--scale", choices=["paper", "mini"], required=True)
    _out(sub, "explorer.html")

    sub = stage("tables", _tables, "Make the tables of a study from its samples.")
    sub.add_argument("--samples", type=Path, nargs="+", required=True)
    sub.add_argument("--settings", required=True, help=f"scale, hyperparameters: {_SETTINGS_HELP}")
    _out_folder(sub, "a folder")

    sub = stage("claims", _claims, "Evaluate a publication's claims on a study's samples.")
    sub.add_argument("--claims", type=Path, required=True, help="YAML, see rlvf.analysis.claims")
    sub.add_argument("--samples", type=Path, nargs="+", required=True)
    sub.add_argument("--scale", choices=["paper", "mini"], required=True)
    _out_folder(sub, "a folder")

    sub = stage("figures", _figures, "Draw the figures of a study from its samples and logs.")
    sub.add_argument("--samples", type=Path, nargs="+", required=True)
    sub.add_argument("--logs", type=Path, nargs="*", default=[], help="training logs")
    sub.add_argument("--scale", choices=["paper", "mini"], required=True)
    _out_folder(sub, "a folder")

    sub = stage("cost", _cost, "Sum up what training took.")
    sub.add_argument("--logs", type=Path, nargs="*", default=[], help="training logs")
    sub.add_argument("--times", type=Path, nargs="*", default=[], help="and their times")
    sub.add_argument("--scale", choices=["paper", "mini"], required=True)
    _out_folder(sub, "a folder")

    sub = stage("paper", _paper, "Compile the paper from its source and results.")
    sub.add_argument("--source", type=Path, required=True, help="a Typst file")
    sub.add_argument("--tables", type=Path, required=True)
    sub.add_argument("--figures", type=Path, required=True)
    sub.add_argument("--cost", type=Path, required=True)
    sub.add_argument("--claims", type=Path, required=True)
    _out(sub, "paper.pdf")

    sub = stage("plan", _plan, "Estimate what a configuration costs: jobs, hours, disk.")
    _configs(sub)
    sub.add_argument(
        "--gpus", type=_positive(int), default=1, help="how many run at the same time (default: 1)"
    )

    sub = stage(
        "why",
        _why,
        "Say what a run of Snakemake would redo, and because of what: files, keys of the "
        "configuration, code, versions of packages. Runs nothing.",
    )
    sub.set_defaults(runs_snakemake=True)
    sub.usage = "rlvf why [SNAKEMAKE ARGUMENT ...], for instance: rlvf why --profile mini"

    sub = stage("usage", _usage, "Compare what jobs used with what they asked for.")
    sub.add_argument(
        "--benchmarks",
        type=Path,
        required=True,
        help="folder of Snakemake's benchmark files, made with --benchmark-extended",
    )
    sub.add_argument("--times", type=Path, nargs="*", default=[], help="trainings' times")
    sub.add_argument("--out", type=Path, required=True, help="a folder for usage.md and usage.csv")

    sub = stage(
        "manifest",
        _manifest,
        "Write how everything in a results folder was made, and its checksums, into its "
        "ro-crate-metadata.json. Runs of Snakemake do so at their end.",
    )
    _results(sub)

    sub = stage(
        "verify",
        _verify,
        "Check a results folder against its manifest: what is missing, changed, or not of it.",
    )
    _results(sub)

    sub = stage(
        "archive",
        _archive,
        "Pack complete results and what Snakemake knows of them into one file, to be unpacked in "
        "another checkout and gone on from there. The cache is not packed.",
    )
    sub.set_defaults(runs_snakemake=True)
    _configs(sub)
    sub.add_argument(
        "--options",
        type=shlex.split,
        default=[],
        metavar="TEXT",
        help="options of Snakemake's with which the results were made, such as "
        "'--software-deployment-method apptainer'",
    )

    sub = stage(
        "status",
        _status,
        "Show how the run of Snakemake in this folder stands, or stood at its end: steps by rule, "
        "what runs and what waits for what, each failure with its reason and logs, retries.",
    )
    sub.add_argument(
        "--follow", action="store_true", help="show it anew every few seconds until the run ends"
    )
    return parser


def _out(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--out", type=Path, required=True, help=what)
    parser.set_defaults(makes_product=True)


def _out_folder(parser: argparse.ArgumentParser, what: str) -> None:
    _out(parser, f"{what}; what it holds is noted beside it, in {note_of('OUT')}")
    parser.set_defaults(makes_folder=True)


def _configs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        nargs="+",
        default=[Path("config.yaml")],
        help="configuration files, each laid over the ones before it (default: config.yaml)",
    )


def _results(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", type=Path, metavar="RESULTS", help="such as results/mini")


def _workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers",
        type=_positive(int),
        default=cores(),
        help="completions run at the same time in the sandbox (default: one for each core that "
        "this process may use)",
    )


def _positive(number: type) -> Callable[[str], int | float]:
    """For argparse: a number above 0."""

    def parse(text: str) -> int | float:
        value = number(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
        return value

    return parse


def _count(text: str) -> int:
    """For argparse: a whole number, 0 or above."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"must not be below 0, as is {text}")
    return value


def _may_be_replaced(folder: Path) -> None:
    """Nothing that is not a stage's own is lost by a wrong --out."""
    if folder.is_dir() and any(folder.iterdir()) and not Path(note_of(folder)).exists():
        raise RlvfError(
            f"{folder}: is there and no stage has made it; remove it, or name another --out"
        )


# ---------------------------------------------------------------- tasks and models


def _tasks(options: argparse.Namespace) -> None:
    from rlvf.benchmarks import load_tasks
    from rlvf.sandbox.vetting import vet

    kind = BENCHMARKS[options.benchmark].Settings
    settings = parse_settings(options.settings, kind) if options.settings else kind()
    if options.source is not None:
        if "source" not in kind.model_fields:
            raise RlvfError(f"--source: {options.benchmark} is not read from a file")
        settings = settings.model_copy(update={"source": str(options.source)})
    tasks = load_tasks(settings, options.split, options.limit)
    vet(tasks)
    write_jsonl(options.out, tasks)
    print(f"tasks: {len(tasks)} of {options.benchmark}/{options.split}", file=sys.stderr)


def _fetch(options: argparse.Namespace) -> None:
    # The client would tell the hub what is installed and who calls, and keep notes in HF_HOME.
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    from rlvf.models.hub import fetch

    fetch(parse_settings(options.settings, FetchSettings), options.out)
    if options.note is not None:
        write_note(options.out, options.note)


def _pretrain(options: argparse.Namespace) -> None:
    environment.settle()
    from rlvf.models.mini import pretrain

    pretrain(parse_settings(options.settings, PretrainSettings), options.out)


# ---------------------------------------------------------------- training and generation


def _vetted_tasks(path: Path) -> list[Task]:
    """For what runs tests."""
    from rlvf.sandbox.vetting import vet

    tasks = read_tasks(path)
    vet(tasks, path)
    return tasks


def _train(options: argparse.Namespace) -> None:
    settings = parse_settings(options.settings, TrainSettings)
    tasks = _vetted_tasks(options.tasks)
    verify_folder(options.model)
    environment.settle()
    from rlvf.verification import Verifier

    # Before torch is imported: the sandbox's processes must not descend from one that has it.
    with Verifier(settings.sandbox, settings.lint, options.workers) as verifier:
        from rlvf.slurm import requeue_if_preempted
        from rlvf.training.checkpoints import Checkpoints, StopRequest, run_identity
        from rlvf.training.grpo import train

        files = options.out, options.log, options.rollouts, options.times
        if options.checkpoints is None:
            train(options.model, tasks, settings, verifier, *files)
            return
        with StopRequest.listening() as stop:
            identity = run_identity(options.model, tasks, settings)
            with Checkpoints(
                options.checkpoints, options.checkpoint_every, identity
            ) as checkpoints:
                try:
                    train(options.model, tasks, settings, verifier, *files, checkpoints, stop)
                except KeyboardInterrupt as error:
                    latest = checkpoints.latest()
                    left = f"goes on from {latest}" if latest else "starts anew: no checkpoint yet"
                    raise KeyboardInterrupt(f"the same command {left}") from error
                finally:
                    if stop:
                        requeue_if_preempted()


def _generate(options: argparse.Namespace) -> None:
    settings = parse_settings(options.settings, GenerateSettings)
    tasks = read_tasks(options.tasks)
    for folder in filter(None, [options.model, options.adapter]):
        verify_folder(folder)
    environment.settle()
    from rlvf.generation import generate

    write_jsonl(options.out, generate(options.model, options.adapter, tasks, settings))


def _control(options: argparse.Namespace) -> None:
    code = {"reference": lambda task: task.reference, "empty": lambda task: None}[options.policy]
    write_jsonl(
        options.out,
        [
            Completion(
                task_id=task.task_id,
                sample_id=0,
                completion=code(task) or "",
                code=code(task),
            )
            for task in read_tasks(options.tasks)
        ],
    )


# ---------------------------------------------------------------- verification


def _execute(options: argparse.Namespace) -> None:
    from rlvf.sandbox import Candidate, Sandbox

    settings = (
        parse_settings(options.settings, SandboxSettings) if options.settings else SandboxSettings()
    )
    if options.timeout is not None:
        settings = settings.model_copy(update={"timeout": options.timeout})
    candidates = [
        Candidate(task, completion.sample_id, code_of(completion, task))
        for completion, task in _answers(_vetted_tasks(options.tasks), options)
    ]
    progress = Progress("execute", len(candidates))
    times = []

    def executions() -> Iterator[Execution]:
        for execution in progress.count(sandbox.execute(candidates)):
            times.append(execution.times)
            yield execution

    with Sandbox(settings, options.workers) as sandbox:
        for name, version in sandbox.packages.items():
            print(f"execute: candidates may import {name} {version}", file=sys.stderr)
        write_jsonl(options.out, executions())
    if options.times is not None:
        write_jsonl(options.times, times)


def _lint(options: argparse.Namespace) -> None:
    from rlvf.lint import lint, lint_report

    settings = (
        parse_settings(options.settings, LintSettings) if options.settings else LintSettings()
    )
    if options.tasks is not None:
        answers = _answers(read_tasks(options.tasks), options)
    else:
        answers = [(one, None) for one in read_jsonl(options.completions, Completion)]
    codes = [code_of(completion, task) for completion, task in answers]
    names = [f"{completion.task_id} sample {completion.sample_id}" for completion, _ in answers]
    write_jsonl(
        options.out,
        [
            lint_report(completion.task_id, completion.sample_id, code, findings)
            for (completion, _), code, findings in zip(
                answers, codes, lint(codes, settings, names), strict=True
            )
        ],
    )


def _answers(tasks: list[Task], options: argparse.Namespace) -> list[tuple[Completion, Task]]:
    """The completions, each with the task that it is an answer to."""
    by_id = {task.task_id: task for task in tasks}
    answers = []
    for number, completion in enumerate(read_jsonl(options.completions, Completion), 1):
        if completion.task_id not in by_id:
            raise RlvfError(
                f"{options.completions}:{number}: task {completion.task_id!r} is not in "
                f"{options.tasks}"
            )
        answers.append((completion, by_id[completion.task_id]))
    return answers


# ---------------------------------------------------------------- analysis


def _measure(options: argparse.Namespace) -> None:
    from rlvf.analysis.measures import measure

    cell = parse_settings(options.cell, CellId, "--cell")
    tasks = read_tasks(options.tasks)
    samples = []
    for decoding, completions, executions, ruff in options.decoding:
        samples += measure(
            DecodedCellId(**cell.model_dump(), decoding=decoding),
            tasks,
            read_jsonl(Path(completions), Completion),
            read_jsonl(Path(executions), Execution),
            read_jsonl(Path(ruff), LintReport),
            options.tests_shown,
        )
    write_jsonl(options.out, samples)


def _explorer(options: argparse.Namespace) -> None:
    from rlvf.analysis.explorer import Decoded, write_explorer

    decoded = (
        Decoded(
            read_jsonl(Path(completions), Completion),
            read_jsonl(Path(executions), Execution),
            read_jsonl(Path(ruff), LintReport),
            [one for one in read_jsonl(Path(samples), Sample) if one.decoding == name],
        )
        for name, completions, executions, ruff, samples in options.decoding
    )
    write_explorer(read_tasks(options.tasks), decoded, options.scale, options.out)


def _tables(options: argparse.Namespace) -> None:
    from rlvf.analysis.summary import load_samples
    from rlvf.analysis.tables import write_tables

    settings = parse_settings(options.settings, TablesSettings)
    write_tables(
        load_samples(options.samples), settings.hyperparameters, options.out, settings.scale
    )


def _claims(options: argparse.Namespace) -> None:
    from rlvf.analysis.claims import Claims, write_claims
    from rlvf.analysis.summary import load_samples

    claims = parse_settings(str(options.claims), Claims)
    files = sorted(map(str, options.samples))
    command = ["rlvf", "claims", "--claims", options.claims, "--samples", *files]
    command += ["--scale", options.scale, "--out", options.out]
    samples = load_samples(options.samples)
    command = shlex.join(map(str, command))
    write_claims(claims, str(options.claims), samples, command, options.out, options.scale)


def _figures(options: argparse.Namespace) -> None:
    from rlvf.analysis.figures import write_figures
    from rlvf.analysis.summary import load_samples

    samples, steps = load_samples(options.samples), _read_all(options.logs, TrainingStep)
    write_figures(samples, steps, options.out, options.scale)


def _cost(options: argparse.Namespace) -> None:
    from rlvf.analysis.cost import write_cost

    steps = _read_all(options.logs, TrainingStep)
    times = _read_all(options.times, TrainingStepTimes)
    write_cost(steps, times, options.out, options.scale)


def _read_all(paths: list[Path], record: type[R]) -> list[R]:
    return [one for path in paths for one in read_jsonl(path, record)]


def _paper(options: argparse.Namespace) -> None:
    from rlvf.analysis.paper import compile_paper

    folders = options.tables, options.figures, options.cost, options.claims
    for folder in folders:
        verify_folder(folder)
    compile_paper(options.source, *folders, options.out)


# ---------------------------------------------------------------- what it costs


def _plan(options: argparse.Namespace) -> None:
    from rlvf.analysis.plan import show_plan

    config = load_config(*options.config)
    print(show_plan(config, options.gpus, cores()), end="")


def _why(options: argparse.Namespace) -> None:
    from rlvf.analysis.plan import job_key, job_seconds, wall_time
    from rlvf.watching.dry_run import dry_run
    from rlvf.watching.why import why

    run = dry_run(options.snakemake)
    seconds, wall = {}, ""
    if run.jobs:
        config = parse_config(run.config, "the configuration")
        try:
            known = job_seconds(config)
            planned = {job_key(job): job.id for job in run.planned if job_key(job) in known}
            seconds = {number: known[key] for key, number in planned.items()}
            wall = wall_time({key: known[key] for key in planned}, config, 1, cores())
        except RlvfError as error:
            wall = f"Their time is not known: {error}"
    print(why(run, seconds, wall))


def _usage(options: argparse.Namespace) -> None:
    from rlvf.analysis.usage import read_jobs, write_usage

    jobs = read_jobs(options.benchmarks)
    times = _read_all(options.times, TrainingStepTimes)
    print(write_usage(jobs, times, options.out), end="")


# ---------------------------------------------------------------- where products come from


def _manifest(options: argparse.Namespace) -> None:
    from rlvf.provenance.manifest import write_manifest

    write_manifest(options.results)


def _verify(options: argparse.Namespace) -> None:
    from rlvf.provenance.verify import verify

    problems, spoiled, left = verify(options.results)
    for problem in problems:
        print(problem)
    if spoiled:
        print(f"To make them again: rm -r {shlex.join(spoiled)}, then run Snakemake again; what no")
        print(f"longer belongs to the study is forgotten with: rlvf manifest {options.results}")
    if left:
        print(f"To remove what killed jobs have left: rm -r {shlex.join(left)}")
    if problems:
        raise RlvfError(
            f"{options.results}: {len(problems)} files are not as in the manifest; while Snakemake "
            "runs, wait for its end, when it writes the manifest"
        )
    print(f"{options.results}: all files are as in the manifest")


def _archive(options: argparse.Namespace) -> None:
    from rlvf.provenance.archive import write_archive

    path = write_archive(options.config, options.options)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB; in another checkout: tar xf {path.name}")


# ---------------------------------------------------------------- watching a run


def _status(options: argparse.Namespace) -> None:
    from rlvf.watching.events import latest_run, read_events
    from rlvf.watching.report import status
    from rlvf.watching.run import Run

    path = latest_run()
    while True:
        run = Run(read_events(path))
        run.ask_slurm()
        if options.follow and sys.stdout.isatty():
            print("\033[H\033[2J", end="")
        print(status(run), flush=True)
        if not options.follow or run.alive is False:
            return
        time.sleep(_SECONDS_BETWEEN_SCREENS)


if __name__ == "__main__":
    sys.exit(main())
