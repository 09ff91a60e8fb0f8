"""A small study whose completions were really executed and linted, and a real browser."""

import shutil
from itertools import product

import pytest

from rlvf.analysis.explorer import Evaluated, write_explorer
from rlvf.benchmarks import minimbpp
from rlvf.benchmarks.minimbpp import load
from rlvf.environments.program.extraction import extract_code
from rlvf.lint import lint, lint_report
from rlvf.records import Completion
from rlvf.sandbox import Candidate, Sandbox
from rlvf.settings import LintSettings, SandboxSettings
from tests.conftest import skip_or_fail

MODELS = ("mini-llama", "mini-qwen3")
# What each policy writes, made from a task's own solution. `clean` passes with nothing to find.
POLICIES = {
    "base": "Of course:\n```python\nimport os\n{reference}```\nThis is it.",
    "grpo-tests": "```python\n{reference}```",
    "gspo-ruff": "```python\ndef wrong_name(nums):\n    return nums\n```",
}


@pytest.fixture(scope="package")
def tasks():
    return load(minimbpp.Settings(), "test")[:4]


@pytest.fixture(scope="package")
def evaluate(make_sample):
    """Makes an Evaluated of completions, a text or None for each task; None has no fence to it."""
    with Sandbox(SandboxSettings(timeout=2.0), 2) as sandbox:

        def evaluate(
            tasks, texts, policy, model=MODELS[0], seed=1, evaluation="greedy", sample_id=0
        ):
            completions = [
                Completion(
                    task_id=task.task_id,
                    sample_id=sample_id,
                    completion=text,
                    code=extract_code(text, task.entry_point),
                    tokens=len(text.split()),
                    finish_reason="stop",
                )
                for task, text in zip(tasks, texts, strict=True)
            ]
            codes = [completion.code for completion in completions]
            executions = list(
                sandbox.execute(
                    Candidate(task, sample_id, code)
                    for task, code in zip(tasks, codes, strict=True)
                )
            )
            return Evaluated(
                tasks,
                completions,
                executions,
                [
                    lint_report(task.task_id, sample_id, code, findings)
                    for task, code, findings in zip(
                        tasks, codes, lint(codes, LintSettings()), strict=True
                    )
                ],
                [
                    make_sample(
                        0,
                        policy,
                        task_id=task.task_id,
                        sample_id=sample_id,
                        model=model,
                        seed=seed,
                        evaluation=evaluation,
                    )
                    for task in tasks
                ],
            )

        yield evaluate


@pytest.fixture(scope="package")
def study(tasks, evaluate):
    """Two models, three policies, two seeds; of base two evaluations; and a control."""
    evaluated = [evaluate(tasks, [task.reference for task in tasks], "reference", "none", 0)]
    for model, (policy, text), seed in product(MODELS, POLICIES.items(), (1, 2)):
        texts = [text.format(reference=task.reference) for task in tasks]
        evaluated.append(evaluate(tasks, texts, policy, model, seed))
    texts = ["Sorry.\n```python\ndef broken(:\n```"] * len(tasks)
    evaluated.append(evaluate(tasks, texts, "base", MODELS[1], 1, "sampled"))
    return evaluated


@pytest.fixture(scope="package")
def explorer(cells, study, tmp_path_factory):
    """The study's page."""
    path = tmp_path_factory.mktemp("explorer") / "explorer.html"
    write_explorer(cells, study, "mini", path)
    return path


@pytest.fixture(scope="package")
def browser():
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        skip_or_fail("needs Chromium to drive: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Opens a page where nobody has been before, without a network. Whatever it asks for besides
    itself, and whatever it complains about, fails the test."""
    contexts, wrong = [], []

    def open_page(path, fragment="", **options):
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_offline(True)
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(error.message))
        page.on("console", lambda message: wrong.append(message.text))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        address = path.as_uri()
        page.on("request", lambda asked: asked.url.startswith(address) or wrong.append(asked.url))
        page.goto(address + fragment)
        page.wait_for_selector("body[data-ready]")
        return page

    open_page.wrong = wrong
    yield open_page
    for context in contexts:
        context.close()
    assert not wrong
