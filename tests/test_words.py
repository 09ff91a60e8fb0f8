"""What README, docs, comments and messages name is there, and their examples do what they say.

A command in a block must parse as it stands, by the parser of the program that it calls; one within
a sentence may be shortened. What cannot be tried is listed, with the reason.
"""

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from snakemake.cli import parse_args

from rlvf.benchmarks.minimbpp import Settings, load
from rlvf.commands import command_line
from rlvf.config import Config
from rlvf.records import read_tasks
from rlvf.settings import SandboxSettings, to_json
from tests.conftest import REPOSITORY
from tests.workflow.conftest import Checkout, planned

PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(f"docs/{page.name}" for page in REPOSITORY.glob("docs/*.md")),
]
# Where else commands are named, in comments and messages.
OTHERS = [
    *(
        "Makefile",
        "Snakefile",
        "config.yaml",
        "config/mini.yaml",
        "workflow",
        "containers/rlvf.def",
    ),
    *("src", "paper", "speed", "tests/conftest.py"),
]
# Blocks without commands, by their first words.
NO_COMMANDS = {
    "trainer, rlvf execute": "a drawing",
    "rewards.ruff.cap:": "what rlvf why prints; tests/workflow/test_invalidation.py",
}
# Programs that are not ours: that they are called rightly can be tried where they are only.
NOT_OURS = {
    "apt": "needs Debian and root",
    "apptainer": "docs/containers.md says with which version it was tried",
    "export": "the shell's",
    "source": "the shell's",
    "hf": "asks for a token",
    "tar": "needs an archive; tests/workflow/test_archive.py unpacks one",
}
# Paths neither in the repository nor products of the workflow's rules: where they come from.
MADE_BY = {
    ".venv/": "Makefile",
    "cache/": "config.yaml",
    "site.yaml": "workflow/rules/common.smk",
    ".snakemake/": "workflow/rules/hooks.smk",
    ".snakemake/rlvf/": "src/rlvf/runs/events.py",
    "checksums.json": "src/rlvf/checksums.py",
    "checkpoints/": "src/rlvf/layout.py",
    "claims.yaml": "workflow/rules/study.smk",
    "numbers.json": "src/rlvf/analysis/numbers.py",
    "claims.json": "src/rlvf/analysis/claims/__init__.py",
    "cost.json": "src/rlvf/analysis/cost.py",
    "cell.json": "src/rlvf/training/run.py",
    "final/": "src/rlvf/recipes/__init__.py",
    "base.json": "src/rlvf/models/adapters.py",
    # Where rules put what is no product of a study at mini scale.
    "logs/": "src/rlvf/layout.py",
    "usage/": "src/rlvf/layout.py",
    "fetched/": "src/rlvf/layout.py",
    "usage.md": "src/rlvf/runs/usage.py",
    "usage.csv": "src/rlvf/runs/usage.py",
    "ro-crate-metadata.json": "src/rlvf/runs/manifest.py",
    "workflow/": "src/rlvf/runs/manifest.py",
    "mbpp.jsonl": "src/rlvf/benchmarks/mbpp.py",
    "/etc/subuid": "the system",
    "/etc/subgid": "the system",
    "/tmp": "the system",
}


class Place(NamedTuple):
    """A piece of text and where it stands."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {' '.join(self.text.split())[:70]}"


class Block(NamedTuple):
    place: Place
    language: str
    # What stands before it, from the page's start.
    before: str


@cache
def text_of(file: str) -> str:
    return (REPOSITORY / file).read_text(encoding="utf-8")


FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def blocks() -> Iterator[Block]:
    for file in PAGES:
        for found in FENCE.finditer(text_of(file)):
            before = text_of(file)[: found.start()]
            place = Place(file, before.count("\n") + 2, found[2])
            yield Block(place, found[1], before)


def spans(file: str, pattern: str = "`([^`]+)`") -> Iterator[Place]:
    """The pieces of code within a page's sentences."""
    text = FENCE.sub(lambda block: "\n" * block[0].count("\n"), text_of(file))
    for found in re.finditer(pattern, text):
        yield Place(file, text.count("\n", 0, found.start()) + 1, found[1])


def commands_of(block: Block) -> Iterator[Place]:
    """Its commands, each on its line and, in quotes or after a backslash, on those that follow."""
    command, start = "", 0
    for number, line in enumerate(block.place.text.splitlines(), block.place.line):
        start = start if command else number
        command += line + "\n"
        try:
            words = shlex.split(command, comments=True)
        except ValueError:  # a quotation goes on
            continue
        if line.endswith("\\"):
            command = command.removesuffix("\\\n")
            continue
        if words:
            yield Place(block.place.file, start, command)
        command = ""
    assert not command, f"{block.place}: a quotation is not closed"


def of_language(*languages: str) -> list[Block]:
    return [
        block
        for block in blocks()
        if block.language in languages
        and not any(block.place.text.startswith(words) for words in NO_COMMANDS)
    ]


IN_BLOCKS = [command for block in of_language("", "sh") for command in commands_of(block)]
PROGRAMS = {"rlvf", "snakemake", "make", "cp", "python", *NOT_OURS}


def without_variables(words: list[str]) -> list[str]:
    return words[next((n for n, word in enumerate(words) if not re.match(r"[A-Z_]+=", word)), 0) :]


def in_sentences() -> Iterator[Place]:
    for file in PAGES:
        for span in spans(file):
            words = without_variables(span.text.split())
            if len(words) > 1 and words[0] in PROGRAMS:
                yield span


def in_sources() -> Iterator[Place]:
    """Commands between back quotes in comments, docstrings and messages."""
    programs = "|".join(PROGRAMS - {"source", "python"}) + "|python -m"
    for name in OTHERS:
        root = REPOSITORY / name
        for path in [root] if root.is_file() else sorted(root.rglob("*")):
            if (
                path.suffix in {".py", ".smk", ".yaml", ".typ", ".def", ".rst", ".md"}
                or root == path
            ):
                yield from spans(str(path.relative_to(REPOSITORY)), f"`((?:{programs}) [^`\n]+)`")


# ---------------------------------------------------------------- commands


@cache
def stages():
    (found,) = (action for action in command_line()._actions if action.dest == "stage")
    return found.choices


def check_rlvf(words: list[str], whole: bool) -> None:
    if words[0].startswith("-"):
        command_line()._option_string_actions[words[0]]
        return
    assert words[0] in stages(), f"there is no stage {words[0]!r}"
    if words[0] in ("why", "plan"):
        _, further = stages()[words[0]].parse_known_args(words[1:])
        check_snakemake(further, whole)
    elif whole:
        command_line().parse_args(words)
    else:
        known = stages()[words[0]]._option_string_actions
        unknown = {word for word in words if word.startswith("--") and word not in known}
        assert not unknown, f"rlvf {words[0]} has no {unknown}"


@cache
def rules() -> set[str]:
    files = ["Snakefile", *(f"workflow/rules/{path.name}" for path in RULES.glob("*.smk"))]
    named = {name for file in files for name in re.findall(r"^rule (\w+):", text_of(file), re.M)}
    return named | yaml.safe_load(text_of("config.yaml"))["studies"].keys()


RULES = REPOSITORY / "workflow" / "rules"


def check_snakemake(words: list[str], whole: bool) -> None:
    parse_args([])  # plugins register their options
    _, options = parse_args([word for word in words if word != "..."])
    names = {*options.targets, *options.until, *options.omit_from} - rules()
    # Products are named by their paths; a name in capitals stands for any.
    unknown = {name for name in names if "/" not in name and not name.isupper()}
    assert not unknown, f"there is no rule {unknown}"
    files = [Path(file) for file in options.configfile or []]
    assert all(file.exists() for file in files), f"there is no {files}"


def check_make(words: list[str], whole: bool) -> None:
    done = subprocess.run(
        ["make", "--dry-run", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def check_cp(words: list[str], whole: bool) -> None:
    assert Path(words[0]).exists()


def check_python(words: list[str], whole: bool) -> None:
    assert words[0] == "-m" and (REPOSITORY / words[1] / "__main__.py").exists()


def check(command: Place, whole: bool) -> None:
    text = command.text.rstrip(". ") if not whole else command.text
    program, *words = without_variables(shlex.split(text, comments=True))
    if program in NOT_OURS:
        return
    checks = {"rlvf": check_rlvf, "snakemake": check_snakemake, "make": check_make}
    checks |= {"cp": check_cp, "python": check_python}
    assert program in checks, f"{command}: who tries {program!r}?"
    try:
        checks[program](words, whole)
    except (AssertionError, KeyError) as error:
        pytest.fail(f"{command}\n{error}")
    except SystemExit as ended:  # --version ends with 0; what is wrong is on standard error
        if ended.code:
            pytest.fail(f"{command}\ncannot be called so")


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch):
    monkeypatch.chdir(REPOSITORY)


@pytest.mark.parametrize("command", IN_BLOCKS, ids=str)
def test_a_command_in_a_block_can_be_called_as_it_stands(command):
    check(command, whole=True)


@pytest.mark.parametrize("command", list(in_sentences()), ids=str)
def test_a_command_in_a_sentence_exists(command):
    check(command, whole=False)


def test_commands_in_comments_and_messages_exist():
    found = list(in_sources())
    assert len(found) > 30
    for command in found:
        check(command, whole=False)


def test_makes_help_names_targets():
    done = subprocess.run(["make"], capture_output=True, text=True, check=True)
    targets = set(re.findall(r"\bmake (\w+)", done.stdout))
    assert {"mini", "test"} < targets
    for target in targets:
        check_make([target], whole=True)


# What follows `rlvf` in a message where it is not a stage.
NO_STAGES = {"in"}


def test_messages_name_stages_that_exist():
    for path in sorted((REPOSITORY / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for stage in re.findall(r"\brlvf ([a-z]+)\b", node.value):
                    where = f"{path}:{node.lineno}: rlvf {stage}"
                    assert stage in {*stages(), *NO_STAGES}, where


def test_only_what_needs_a_network_is_fetched_as_the_readme_says(tmp_path):
    (words,) = (shlex.split(one.text, comments=True) for one in IN_BLOCKS if "--until" in one.text)
    jobs = planned(Checkout(tmp_path).snakemake(*words[1:], "-n"))
    assert jobs.keys() == {"fetch_model", "fetch_benchmark", "total"}


def test_the_commands_by_hand_check_completions(mbpp_path, tmp_path):
    """As the README has them, but for fetching: a copy of the data is there."""
    (block,) = (block for block in of_language("") if "rlvf fetch" in block.place.text)
    (tmp_path / "mbpp").symlink_to(mbpp_path)
    fetch, tasks, *rest = (shlex.split(command.text) for command in commands_of(block))
    assert fetch[:2] == ["rlvf", "fetch"]

    def run(words):
        command = [sys.executable, "-m", "rlvf.cli", *words[1:]]
        subprocess.run(command, cwd=tmp_path, check=True, timeout=300)

    run(tasks)
    tasks_file, few = tmp_path / "tasks.jsonl", 5
    tasks_file.write_text("".join(tasks_file.open().readlines()[:few]))
    rows = [
        {"task_id": task.task_id, "sample_id": 0, "completion": task.reference}
        for task in read_tasks(tasks_file)
    ]
    (tmp_path / "completions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for words in rest:
        run(words)
    assert (tmp_path / "executions.jsonl").read_text().count('"verdict":"passed","error') == few
    assert '"diagnostics"' in (tmp_path / "ruff.jsonl").read_text()
    assert "| m | base | 100.0 (" in (tmp_path / "tables" / "pass_at_1.md").read_text()


# ---------------------------------------------------------------- examples in Python and YAML


def written_to(block: Block) -> str | None:
    """The file that the sentence before a block tells to write it to."""
    named = re.search(r"`(src/[\w/]+\.py)`:\s*$", block.before)
    return named and named[1]


class Examples:
    """A copy of the code with the files that pages tell to write."""

    def __init__(self, folder: Path):
        self.folder = folder
        shutil.copytree(REPOSITORY / "src", folder / "src")
        self.programs = []
        for block in of_language("python"):
            if written := written_to(block):
                (folder / written).write_text(block.place.text)
            else:
                self.programs.append(block)

    def run(self, *arguments) -> str:
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(self.folder / "src")},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def trainings(self, *layers: str) -> int:
        """How many trainings there are at the paper scale with these texts laid over it."""
        files = [REPOSITORY / "config.yaml"]
        for number, layer in enumerate(layers):
            files.append(self.folder / f"layer{number}.yaml")
            files[-1].write_text(layer)
        program = (
            "import sys; from pathlib import Path; from rlvf.config import load_config;"
            "config = load_config(*map(Path, sys.argv[1:]));"
            "print(sum(cell.trained for cell in config.cells('rlvr')))"
        )
        return int(self.run("-c", program, *files))


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    return Examples(tmp_path_factory.mktemp("examples"))


# By the first key below the section: what is laid over it so that it counts, and how many trainings
# there are then, of 36.
USES = {
    "rlvr": ("", 2 * (6 + 1) * 4),
    "smollm2-360m": ("studies: {rlvr: {models: [qwen3-0.6b, smollm2-360m]}}", 2 * 6 * 3),
    "brevity": ("", 2 * 2 * 2 * 3),
}


@pytest.mark.parametrize("block", of_language("yaml"), ids=lambda block: str(block.place))
def test_a_piece_of_configuration_can_be_laid_over_config_yaml(block, examples):
    section = next(iter(yaml.safe_load(block.place.text).values()))
    more, expected = USES[next(iter(section))]
    assert examples.trainings(block.place.text, *filter(None, [more])) == expected


def test_the_component_of_the_page_rewards_the_short_answers_of_a_group(examples):
    program = (
        "from rlvf.rewards import COMPONENTS, Rollout, component_rewards;"
        "parts = {'brevity': COMPONENTS['brevity'].Settings(kind='brevity')};"
        "rollouts = [Rollout(None, n // 2, 'x' * length, None, [], 'stop', None, None)"
        " for n, length in enumerate([1, 9, 5, 5])];"
        "print(component_rewards(rollouts, parts)['brevity'])"
    )
    assert examples.run("-c", program) == "[1.0, 0.5, 1.0, 1.0]\n"


def test_the_recipe_of_the_page_trains(examples, mini_config, tiny_model):
    tasks = load(Settings(), "train")[:4]
    lines = [task.model_dump_json() + "\n" for task in tasks]
    (examples.folder / "tasks.jsonl").write_text("".join(lines))
    settings = mini_config.train_settings(mini_config.cell("rlvr", "mini-qwen3", "grpo-ruff", 1))
    raw = json.loads(to_json(settings))
    raw["training"] |= {"recipe": "upper", "generations": 1, "generation_batch_size": 8}
    raw["training"] |= {"group_size": 4, "micro_batch_size": 2, "max_completion_tokens": 8}
    files = [f"--{name}={examples.folder / name}" for name in ("log", "rollouts", "times")]
    examples.run(
        *("-m", "rlvf.cli", "train", "--model", tiny_model, "--workers", "1"),
        *("--tasks", examples.folder / "tasks.jsonl", "--settings", json.dumps(raw), *files),
        *("--out", examples.folder / "adapters"),
    )
    cell = json.loads((examples.folder / "adapters" / "final" / "cell.json").read_text())
    assert cell["training"]["recipe"] == "upper"
    assert len((examples.folder / "log").read_text().splitlines()) == 4


def test_programs_in_the_docs_run(examples):
    tasks = load(Settings(), "test")[:3]
    rows = [(task.model_dump_json(), task.reference) for task in tasks]
    work = (
        "from rlvf.records import Task\n"
        f"work = [(Task.model_validate_json(task), code) for task, code in {rows!r}]\n"
    )
    (program,) = examples.programs
    assert examples.run("-c", work + program.place.text) == "passed \n" * 3


# ---------------------------------------------------------------- keys, numbers, paths, links


def in_pages(pattern: str) -> list[Place]:
    return [span for file in PAGES for span in spans(file) if re.fullmatch(pattern, span.text)]


SECTIONS = "|".join(Config.model_fields)


@pytest.mark.parametrize("key", in_pages(rf"(?:{SECTIONS})(?:\.[\w-]+)+(?:: \w+)?"), ids=str)
def test_a_key_of_the_configuration_exists(key, paper_config):
    if key.text.endswith((".yaml", ".py")):
        return
    value = paper_config.model_dump()
    for part in key.text.partition(":")[0].split("."):
        assert part in value, f"{key}: there is no {part!r}"
        value = value[part]


@pytest.mark.parametrize("setting", in_pages(r"\w+: \[[\w, -]+\]"), ids=str)
def test_a_setting_in_a_sentence_is_one(setting):
    ((key, _),) = (raw := yaml.safe_load(setting.text)).items()
    if key in SandboxSettings.model_fields:
        SandboxSettings.model_validate(raw)
    else:
        assert setting.text in text_of("workflow/profiles/mini/config.yaml")


@pytest.mark.parametrize("name", in_pages("[a-z]+(?:_[a-z]+)+"), ids=str)
def test_a_name_of_several_words_is_used(name):
    """Keys, fields, verdicts and rules that a page names."""
    files = [
        *("config.yaml", "workflow/rules/common.smk", "workflow/site.example.yaml"),
        *(str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "src").rglob("*.py")),
    ]
    assert any(re.search(rf"\b{name.text}\b", text_of(file)) for file in files), name


def test_the_limits_in_the_docs_are_those_of_the_sandbox():
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\| ([\d.]+) \|$", text_of("docs/sandbox.md"), re.M)
    numbers = {k: v for k, v in SandboxSettings() if isinstance(v, int | float)}
    assert {name: float(value) for name, value in rows} == numbers


def test_the_readme_counts_what_a_mini_run_leaves(mini_config):
    cells = list(mini_config.cells("rlvr"))
    counted = re.search(r"(\d+) models, (\d+) adapters, (\d+) sets", text_of("README.md"))
    assert [int(number) for number in counted.groups()] == [
        sum(model.kind == "mini" for model in mini_config.models.values()),
        sum(cell.trained for cell in cells),
        sum(len(mini_config.evaluations_of(cell)) for cell in cells),
    ]


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    """What the rules make at mini scale, as Snakemake plans it."""
    checkout = Checkout(tmp_path_factory.mktemp("products"))
    done = checkout.snakemake("--profile", "mini", "--summary")
    assert done.returncode == 0, done.stderr
    return {line.split("\t")[0] for line in done.stdout.splitlines() if "\t" in line}


# A name with a folder or an ending; not what is a placeholder, a number or a call.
PATHS = r"[\w.~/-]*(?:/[\w.-]*|\.(?:md|py|smk|yaml|json|jsonl|csv|pdf|html|def|cff|typ|lock|sif))"
PLACEHOLDERS = r"MODEL|POLICY|N\b|EVALUATION|STUDY"


def test_paths_exist_or_are_made(products):
    made = {"/".join(path.split("/")[:n]) for path in products for n in range(1, 9)}
    made |= {written_to(block) for block in of_language("python")} - {None}
    for span in in_pages(PATHS):
        # The mini scale stands for both.
        path = span.text.replace("results/rlvr/", "results/mini/rlvr/")
        if any(path.endswith(name) for name in MADE_BY) or re.search("DEFINITION", path):
            continue
        roots = (REPOSITORY, REPOSITORY / "src" / "rlvf")
        if any((root / path).exists() for root in roots):
            continue
        if path.startswith("paper/") and [
            *REPOSITORY.glob(re.sub(PLACEHOLDERS, "*", path.rstrip("/")))
        ]:
            continue
        pattern = re.sub(PLACEHOLDERS, r"[^/]+", path.strip("/.").replace(".", r"\."))
        ours = [one for one in made if re.search(rf"(^|/){pattern}$", one)]
        assert ours, f"{span}: no such path"
    for path, maker in MADE_BY.items():
        if maker != "the system":
            assert Path(path).name in text_of(maker), f"{maker} does not name {path}"


def test_the_citation_is_of_this_version():
    cited = yaml.safe_load(text_of("CITATION.cff"))
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    assert (cited["version"], cited["license"]) == (project["version"], project["license"])
    assert cited["title"].startswith(f"{project['name']}: ")


def anchors(file: str) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", FENCE.sub("", text_of(file)), re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def links() -> Iterator[Place]:
    for file in PAGES:
        yield from spans(file, r"\]\(([^)\s]+)\)")


@pytest.mark.parametrize("link", list(links()), ids=str)
def test_a_link_leads_somewhere(link):
    if link.text.startswith("https://"):
        return
    path, _, anchor = link.text.partition("#")
    file = (REPOSITORY / link.file).parent / path if path else REPOSITORY / link.file
    assert file.exists(), link
    if anchor:
        assert anchor in anchors(os.path.relpath(file, REPOSITORY)), link
