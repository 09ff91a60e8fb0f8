"""The command line as a person meets it: real commands, real files."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from rlvf import commands
from rlvf.benchmarks import minimbpp
from rlvf.benchmarks.minimbpp import load
from rlvf.cli import main
from rlvf.lint import count_lines
from rlvf.records import (
    AssertTest,
    Execution,
    ExecutionTimes,
    LintReport,
    read_jsonl,
    write_jsonl,
)
from rlvf.settings import to_json
from tests.conftest import REPOSITORY

TASKS = load(minimbpp.Settings(), "test")[:3]
CALL = AssertTest(kind="assert", code="assert solve() == 7")


def rlvf(*arguments, **options):
    # Once a test has imported torch, it has set variables here that a user's shell does not have.
    options["env"] = {
        name: value
        for name, value in options.get("env", os.environ).items()
        if not name.startswith("TORCH")
    }
    return subprocess.run(
        [sys.executable, "-m", "rlvf.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )


@pytest.fixture
def folder(tmp_path):
    write_jsonl(tmp_path / "tasks.jsonl", TASKS)
    write_completions(tmp_path, [(task, task.reference) for task in TASKS])
    return tmp_path


def write_completions(folder, texts):
    """As a person may write them: no `code` field."""
    rows = [{"task_id": task.task_id, "sample_id": 0, "completion": text} for task, text in texts]
    (folder / "completions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def execute(folder, *more, **options):
    files = ["--tasks", folder / "tasks.jsonl", "--completions", folder / "completions.jsonl"]
    return rlvf("execute", *files, "--out", folder / "executions.jsonl", *more, **options)


def lint(folder, *more):
    files = ["--completions", folder / "completions.jsonl", "--out", folder / "ruff.jsonl"]
    return rlvf("lint", *files, *more)


def assert_one_line_error(done, *parts):
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("\n") == 1
    for part in parts:
        assert part in done.stderr


def test_help_names_every_stage():
    done = rlvf("--help")
    assert done.returncode == 0
    stages = "tasks fetch pretrain train generate control execute lint measure tables claims"
    assert all(
        f"\n    {stage} " in done.stdout
        for stage in [*stages.split(), "figures", "cost", "explorer", "paper", "plan", "usage"]
    )


def test_execute_and_lint_extract_code_that_no_field_holds(folder):
    assert execute(folder, "--workers", 2, "--timeout", 5).returncode == 0
    assert lint(folder).returncode == 0
    executions = read_jsonl(folder / "executions.jsonl", Execution)
    assert [(e.task_id, e.verdict) for e in executions] == [(t.task_id, "passed") for t in TASKS]
    reports = read_jsonl(folder / "ruff.jsonl", LintReport)
    assert [report.diagnostics for report in reports] == [[], [], []]


def test_with_the_tasks_lint_takes_the_same_block_as_execute(folder):
    use = "```python\nprint(solve([1]))\n```"
    texts = [(task, f"```python\n{task.reference}```\nUse:\n{use}") for task in TASKS]
    write_completions(folder, texts)
    assert execute(folder).returncode == 0
    executions = read_jsonl(folder / "executions.jsonl", Execution)
    assert {execution.verdict for execution in executions} == {"passed"}
    assert lint(folder, "--tasks", folder / "tasks.jsonl").returncode == 0
    reports = read_jsonl(folder / "ruff.jsonl", LintReport)
    assert [one.lines for one in reports] == [count_lines(task.reference) for task in TASKS]
    assert lint(folder).returncode == 0
    assert {one.lines for one in read_jsonl(folder / "ruff.jsonl", LintReport)} == {1}


def test_times_stand_in_a_file_of_their_own_where_asked_for(folder):
    assert execute(folder, "--times", folder / "times.jsonl").returncode == 0
    times = read_jsonl(folder / "times.jsonl", ExecutionTimes)
    assert [one.task_id for one in times] == [task.task_id for task in TASKS]
    assert all(one.seconds > 0 for one in times)
    assert [len(one.milliseconds) for one in times] == [len(task.tests) for task in TASKS]


@pytest.mark.parametrize(
    "body",
    [
        "raise ValueError(object(), solve)",
        "print(object(), solve)",
        "return {'a', 1, None, ('b', 2), frozenset({'c', 3})}",
        "return list({'a', 'b', 'c', 'd', 'e'})",
        "import random\n return random.random()",
        "n = 0\n while True:\n  n += 1\n  print(n)",
    ],
    ids=["an address", "a printed one", "hashes", "hashes, inside", "chance", "how far it came"],
)
def test_executions_are_equal_whatever_the_workers_and_the_hashes(folder, body):
    task = TASKS[0].model_copy(update={"entry_point": "solve", "tests": [CALL]})
    write_jsonl(folder / "tasks.jsonl", [task])
    write_completions(folder, [(task, f"def solve():\n {body}")] * 4)
    found = set()
    for number in "1", "2":
        environment = {**os.environ, "PYTHONHASHSEED": number}
        done = execute(folder, "--workers", number, "--timeout", 0.5, env=environment)
        assert done.returncode == 0, done.stderr
        found.add((folder / "executions.jsonl").read_bytes())
    assert len(found) == 1


def test_controls(folder):
    for policy, passed in (("reference", 3), ("empty", 0)):
        files = ["--tasks", folder / "tasks.jsonl", "--out", folder / "completions.jsonl"]
        assert rlvf("control", "--policy", policy, *files).returncode == 0
        assert execute(folder).returncode == 0
        verdicts = [e.verdict for e in read_jsonl(folder / "executions.jsonl", Execution)]
        assert verdicts.count("passed") == passed


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"task_id": "minimbpp/test/2", "sample_', "not valid JSON"),
        (b"", "blank line"),
        (
            b'{"task_id": "minimbpp/test/2", "sample_id": 0, "completion": "\xff"}',
            "not valid UTF-8",
        ),
        (
            b'{"task_id": "minimbpp/test/2", "sample_id": 0, "completion": "%s"}' % (b"x" * 10**6),
            "completion: String should have at most",
        ),
        (b'{"task_id": "mbpp/7", "sample_id": 0, "completion": ""}', "task 'mbpp/7' is not in"),
    ],
)
def test_a_bad_completion_is_named_with_file_and_line(folder, line, message):
    path = folder / "completions.jsonl"
    lines = path.read_bytes().splitlines()
    lines[1] = line
    path.write_bytes(b"\n".join(lines) + b"\n")
    assert_one_line_error(execute(folder), f"{path}:2: ", message)
    assert not (folder / "executions.jsonl").exists()


def test_a_task_without_tests_is_named(folder):
    path = folder / "tasks.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[2]["tests"] = []
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert_one_line_error(execute(folder), f"{path}:3: ", "tests: ", "at least 1")


def test_a_missing_line_is_found_where_the_files_are_joined(folder):
    assert execute(folder).returncode == 0 and lint(folder).returncode == 0
    path = folder / "executions.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    cell = {"study": "s", "model": "m", "policy": "base", "seed": 1}
    names = ("tasks", "completions", "executions", "ruff")
    options = [f"--{name}={folder / name}.jsonl" for name in names]
    options += ["--evaluation", "greedy", "--tests-shown", "1"]
    done = rlvf("measure", "--cell", json.dumps(cell), *options, "--out", folder / "samples.jsonl")
    assert_one_line_error(done, TASKS[2].task_id)
    assert not (folder / "samples.jsonl").exists()


def test_an_adapter_of_another_model_is_refused(mini_config, folder, tiny_model):
    from peft import LoraConfig, get_peft_model

    from rlvf.models.adapters import base_of, save_adapter
    from rlvf.models.loading import load_model

    model = load_model(tiny_model, "float32")
    adapter = get_peft_model(model, LoraConfig(r=2, target_modules="all-linear"))
    save_adapter(adapter, base_of(tiny_model, "tiny"), folder / "adapter")
    other = folder / "model"
    shutil.copytree(tiny_model, other)
    config = json.loads((other / "config.json").read_text())
    from transformers import AutoConfig, AutoModelForCausalLM

    wider = AutoConfig.for_model(**(config | {"intermediate_size": 128}))
    AutoModelForCausalLM.from_config(wider).save_pretrained(other)
    cell = mini_config.cell("rlvr", "mini-qwen3", "base", 1)
    evaluation = mini_config.evaluation_of(cell, "greedy")
    done = rlvf(
        "generate",
        *("--model", other, "--adapter", folder / "adapter", "--tasks", folder / "tasks.jsonl"),
        *("--settings", to_json(mini_config.generate_settings(cell, evaluation))),
        *("--out", folder / "out.jsonl"),
    )
    assert_one_line_error(
        done,
        f"{folder / 'adapter'}: this adapter was trained for tiny, and {other} holds other weights",
    )
    assert not (folder / "out.jsonl").exists()


def test_a_full_disk_leaves_no_half_written_file(folder, small_disk):
    write_completions(folder, [(TASKS[0], "l = 1;" * 20)] * 200)
    done = rlvf(
        "lint", "--completions", folder / "completions.jsonl", "--out", small_disk / "ruff.jsonl"
    )
    assert_one_line_error(done, f"{small_disk / 'ruff.jsonl'}: cannot write: No space left on dev")
    assert list(small_disk.iterdir()) == []


def test_a_full_disk_leaves_no_half_written_model(mini_config, small_disk):
    from tests.conftest import tiny_pretrain_settings

    settings = to_json(tiny_pretrain_settings(mini_config, "qwen3"))
    done = rlvf("pretrain", "--settings", settings, "--out", small_disk / "model")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert f"{small_disk / 'model'}: cannot write: No space left on device" in last
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("option", [("--workers", "0"), ("--timeout", "-1")])
def test_a_number_that_makes_no_sense_is_refused(folder, option):
    done = execute(folder, *option)
    assert done.returncode == 2
    assert f"argument {option[0]}: must be above 0, not {option[1]}" in done.stderr


def test_unknown_settings_are_named(folder):
    done = execute(folder, "--settings", '{"time": 3}')
    assert_one_line_error(done, "--settings: time: there is no such key (allowed: timeout, total")


def test_mbpp_references_all_pass_in_order(mbpp_path, tmp_path):
    tasks = tmp_path / "tasks.jsonl"
    parts = []
    for split in ("prompt", "test", "validation", "train"):
        out = tmp_path / f"{split}.jsonl"
        done = rlvf(
            *("tasks", "--benchmark", "mbpp", "--source", mbpp_path),
            *("--split", split, "--out", out),
        )
        assert done.returncode == 0, done.stderr
        parts.append(out.read_text())
    tasks.write_text("".join(parts))
    files = ["--tasks", tasks, "--out", tmp_path / "completions.jsonl"]
    assert rlvf("control", "--policy", "reference", *files).returncode == 0
    assert execute(tmp_path).returncode == 0
    executions = read_jsonl(tmp_path / "executions.jsonl", Execution)
    assert [execution.task_id for execution in executions] == [f"mbpp/{n}" for n in range(1, 975)]
    assert {execution.verdict for execution in executions} == {"passed"}


def test_a_control_is_one_of_its_environment(folder):
    files = ("--tasks", folder / "tasks.jsonl", "--out", folder / "completions.jsonl")
    done = rlvf("control", "--policy", "first", *files)
    assert_one_line_error(done, "--policy: program has no control 'first'", "reference, empty")


def test_a_folder_that_no_stage_made_is_not_replaced(folder):
    mine = folder / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("text")
    done = rlvf("pretrain", "--settings", "{}", "--out", mine)
    assert_one_line_error(done, f"{mine}: is there and no stage has made it")
    assert (mine / "thesis.tex").read_text() == "text"


@pytest.mark.parametrize("stage", ["why", "archive"])
def test_away_from_the_checkout_it_is_said_where_to_be(folder, stage):
    assert_one_line_error(rlvf(stage, cwd=folder), "no Snakefile here; call this in the checkout")


# ---------------------------------------------------------------- a further sub-command

LENGTHS = '''"""Print how long the code of each completion is. In lines."""

from pathlib import Path

from rlvf.commands._options import count
from rlvf.records import Completion, read_jsonl


def add_arguments(parser):
    parser.add_argument("--completions", type=Path, required=True)
    parser.add_argument("--least", type=count, default=0)


def run(options):
    for one in read_jsonl(options.completions, Completion):
        if (lines := len(one.completion.splitlines())) >= options.least:
            print(one.task_id, lines)
'''


def test_a_file_in_the_folder_of_commands_is_a_command(folder, tmp_path, monkeypatch, capsys):
    commands_too = tmp_path / "commands"
    commands_too.mkdir()
    (commands_too / "lengths.py").write_text(LENGTHS)
    monkeypatch.setattr(commands, "__path__", [*commands.__path__, str(commands_too)])
    monkeypatch.delitem(sys.modules, "rlvf.commands.lengths", raising=False)
    assert main(["lengths", "--completions", str(folder / "completions.jsonl")]) == 0
    expected = [f"{task.task_id} {len(task.reference.splitlines())}" for task in TASKS]
    assert capsys.readouterr().out.splitlines() == expected
    assert main(["lengths", "--completions", str(tmp_path / "none.jsonl")]) == 1
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "Print how long the code of each completion is.\n" in capsys.readouterr().out


def test_the_commands_for_people_are_those_that_no_rule_calls():
    files = [REPOSITORY / "Snakefile", *(REPOSITORY / "workflow" / "rules").iterdir()]
    code = re.sub("#.*", "", "\n".join(path.read_text() for path in files))
    called = {name for pair in re.findall(r'\brlvf (\w+)|run_rlvf\("(\w+)"', code) for name in pair}
    for_people = {name for name in commands.names() if hasattr(commands.module(name), "FOR_PEOPLE")}
    assert for_people == {*commands.names()} - called
