"""What a change makes Snakemake plan, exactly: one line for each kind of change; and what
`rlvf why` says of it.

The study is made once, for real, from a copy of the code; each change is made in a copy of that.
"""

import importlib.metadata
import os
import shutil
from collections import Counter

import pytest

from tests.workflow.conftest import Copy

# ---------------------------------------------------------------- what there is to plan

# The tiny study has two models, each with its base and two trained policies (rewarded by tests,
# and by tests and Ruff), in two decodings; and two controls in one.
_CELL = Counter(generate=2, execute=2, lint=2, measure=2)
_TRAINED = Counter(train=1) + _CELL
SUMMARY = Counter(study_tables=1, study_claims=1, study_figures=1, study_explorer=1, study_paper=1)
RETRAINED = SUMMARY + Counter(study_cost=1)
CONTROLS = Counter(control=2, execute=2, lint=2, measure=2)
EXECUTED = Counter(execute=14, measure=14) + SUMMARY
LINTED = Counter(lint=14, measure=14) + SUMMARY
MEASURED = Counter(measure=14) + SUMMARY
# Cells are added or removed.
OTHER_CELLS = Counter(study_cells=1)


def bases(count):
    return _times(count, _CELL) + SUMMARY


def trained(count):
    """So many cells trained again, and what follows."""
    return _times(count, _TRAINED) + RETRAINED


def _times(count, jobs):
    return Counter({name: count * number for name, number in jobs.items()})


ALL_CELLS = bases(2) | trained(4) | Counter(generate=12, execute=12, lint=12, measure=12)
PRETRAINED = Counter(pretrain_model=2) + ALL_CELLS
EVERYTHING = Counter(study_tasks=2) + PRETRAINED + CONTROLS
# Executed or linted again everywhere, and trained again where that is rewarded.
BY_TESTS = trained(4) | EXECUTED
BY_RUFF = trained(2) | LINTED


# ---------------------------------------------------------------- what can change


def code(path, old, new):
    return lambda copy: copy.edit(f"src/rlvf/{path}", old, new)


def config(**changes):
    return lambda copy: copy.configure(**changes)


def study(**changes):
    return config(studies={"rlvr": changes})


def grid(rewards, *more):
    return study(grid=[{"algorithm": ["gspo"], "reward": rewards}, *more])


def version(package):
    """Another version of a package, as Python finds it."""

    def change(copy):
        folder = copy.folder / "src" / f"{package}-99.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 99.0\n")

    return change


def new_kind(package, like):
    """One more benchmark or reward component, which no study uses yet."""

    def change(copy):
        folder = copy.folder / "src" / "rlvf" / package
        text = (folder / f"{like}.py").read_text()
        kind = f'kind: Literal["{like}"]'
        assert kind in text
        (folder / "another.py").write_text(text.replace(kind, 'kind: Literal["another"]'))

    return change


def remove(path):
    def change(copy):
        found = copy.folder / "results" / "mini" / path
        shutil.rmtree(found) if found.is_dir() else found.unlink()

    return change


def spoil(path):
    return lambda copy: (copy.folder / "results" / "mini" / path).write_text("{}")


CELL = "rlvr/mini-qwen3/gspo-tests/seed1"
_MINI = {"benchmark": "minimbpp", "split": "train"}
_WARM = {"top_p": 1.0, "top_k": 0, "samples": 1, "max_completion_tokens": 12, "batch_size": 64}

CHANGES = [
    ("nothing", lambda copy: None, Counter()),
    # Code: what is written for people,
    (
        "comment",
        code("lint.py", "INVALID_SYNTAX = ", "# So Ruff calls it.\nINVALID_SYNTAX = "),
        Counter(),
    ),
    ("docstring", code("lint.py", "none where there is no code.", "or none."), Counter()),
    (
        "layout",
        code("lint.py", "    if not numbers:\n", "    if (\n        not numbers\n    ):\n"),
        Counter(),
    ),
    ("help", code("commands/lint.py", "Check completions with Ruff.", "Run Ruff."), Counter()),
    # and what is run.
    ("lint", code("lint.py", 'prefix="rlvf-lint-"', 'prefix="ruff-"'), BY_RUFF),
    ("sandbox, outside", code("sandbox/client.py", "_ATTEMPTS = 3", "_ATTEMPTS = 4"), BY_TESTS),
    (
        "sandbox, inside",
        code("sandbox/inside/values.py", "MAX_DEPTH = 100", "MAX_DEPTH = 99"),
        BY_TESTS,
    ),
    ("reward by tests", code("rewards/tests.py", '== "all"', '== "every"'), trained(4)),
    ("reward by Ruff", code("rewards/ruff.py", "return 0.0", "return 0.1"), trained(2)),
    ("training", code("training/group.py", "num_iterations=1", "num_iterations=2"), trained(4)),
    ("checkpoints", code("training/checkpoints.py", "return max(", "return min("), trained(4)),
    ("generation", code("generation.py", '"do_sample": False', '"do_sample": True'), bases(6)),
    (
        "prompt",
        code("environments/program/prompts.py", '"these tests"', '"those tests"'),
        PRETRAINED,
    ),
    (
        "extraction",
        code("environments/program/extraction.py", "_ENDS = 8", "_ENDS = 9"),
        ALL_CELLS | EXECUTED | LINTED,
    ),
    ("pretraining", code("models/mini.py", "warn_only=True", "warn_only=False"), PRETRAINED),
    (
        "benchmark",
        code("benchmarks/minimbpp.py", "_TESTS_PER_TASK = 3", "_TESTS_PER_TASK = 4"),
        EVERYTHING,
    ),
    (
        "another benchmark",
        code("benchmarks/mbpp.py", '["test_list"][0]', '["test_list"][1]'),
        Counter(),
    ),
    ("a new benchmark", new_kind("benchmarks", "mbpp"), Counter()),
    ("a new reward component", new_kind("rewards", "ruff"), Counter()),
    (
        "measures",
        code("environments/program/hacking.py", "honest mistake", "innocent mistake"),
        Counter(),
    ),
    (
        "measure",
        code(
            "environments/program/samples.py",
            "parsed is not None and parsed",
            "bool(parsed) and parsed",
        ),
        MEASURED,
    ),
    (
        "summary",
        code("measures.py", "return 1 - math.comb", "return 1.0 - math.comb"),
        SUMMARY - Counter(study_explorer=1),
    ),
    (
        "table",
        code("analysis/tables.py", 'pass@1 (%)"] =', 'pass@1"] ='),
        Counter(study_tables=1, study_paper=1),
    ),
    (
        "claims' code",
        code("analysis/claims/evaluation.py", '"undecided" in verdicts', '"unknown" in verdicts'),
        Counter(study_claims=1, study_paper=1),
    ),
    (
        "claims",
        lambda copy: copy.edit("paper/rlvr/claims.yaml", "above: 13", "above: 12"),
        Counter(study_claims=1, study_paper=1),
    ),
    (
        "statistics",
        code("analysis/statistics.py", "LEVEL = 0.95", "LEVEL = 0.9"),
        SUMMARY - Counter(study_explorer=1),
    ),
    (
        "figure",
        code("analysis/figures/training.py", '"Entropy (nats per token)"', '"Entropy"'),
        Counter(study_figures=1, study_paper=1),
    ),
    (
        "cost",
        code("analysis/cost.py", '"What each', '"What any'),
        Counter(study_cost=1, study_paper=1),
    ),
    (
        "explorer",
        code("analysis/explorer/data.py", '_PLAIN = "."', '_PLAIN = ","'),
        Counter(study_explorer=1),
    ),
    (
        "explorer's script",
        code("analysis/explorer/page.js", "SEARCH_DELAY = 80", "SEARCH_DELAY = 90"),
        Counter(study_explorer=1),
    ),
    (
        "paper's text",
        lambda copy: copy.edit("paper/rlvr/paper.typ", "#show: paper", " #show: paper"),
        Counter(study_paper=1),
    ),
    # Configuration.
    ("order of keys", config(), Counter()),
    ("resources", config(resources={"train": {"mem_mb": 3000}}), Counter()),
    ("checkpoint_every", config(checkpoint_every=2), Counter()),
    ("cache", config(cache="elsewhere"), Counter()),
    ("a training's centre", study(training={"learning_rate": 2e-3}), trained(4)),
    ("a level", study(axes={"reward": {"tests": {"weight_decay": 0.1}}}), trained(2)),
    (
        "a reward's weight",
        study(axes={"reward": {"combined": {"rewards": {"ruff": 0.4}}}}),
        trained(2),
    ),
    ("a component", config(rewards={"ruff": {"cap": 5.0}}), trained(2)),
    ("an unused level", study(axes={"algorithm": {"grpo": {"beta": 0.1}}}), Counter()),
    ("severities", config(lint={"severities": {"info": ["W"]}}), BY_RUFF),
    ("sandbox's limit", config(sandbox={"timeout": 3.0}), BY_TESTS),
    (
        "a decoding",
        config(decodings={"sampled": {"temperature": 0.9}}),
        Counter(generate=6, execute=6, lint=6, measure=6) + SUMMARY,
    ),
    ("a prompt's tests", study(prompt={"tests_shown": 2}), ALL_CELLS | MEASURED),
    (
        "a pretraining's prompt",
        config(models={"mini-llama": {"prompt": {"tests_shown": 2}}}),
        Counter(pretrain_model=1) + _times(1, _CELL) + trained(2),
    ),
    (
        "a model",
        config(models={"mini-llama": {"steps": 5}}),
        Counter(pretrain_model=1) + _times(1, _CELL) + trained(2),
    ),
    ("the benchmark's seed", config(benchmarks={"minimbpp": {"seed": 2}}), EVERYTHING),
    # What is added touches nothing that is there but for what sums all up.
    ("an added axis", study(axes={"size": {"all": {}, "few": {"tasks": "few"}}}), Counter()),
    (
        "an added axis without a centre",
        study(axes={"warmth": {"hot": {"temperature": 1.3}}}),
        Counter(),
    ),
    ("an added level", study(axes={"reward": {"more": {"rewards": {"tests": 2.0}}}}), Counter()),
    ("added tasks", study(tasks={"few": {**_MINI, "limit": 8}}), Counter()),
    (
        "an added decoding",
        config(decodings={"warm": {**_WARM, "temperature": 0.5}}),
        Counter(),
    ),
    ("another seed", study(seeds=[1, 2]), _times(2, _CELL) + trained(4) + OTHER_CELLS),
    ("another policy", grid(["tests", "combined", "ruff"]), trained(2) + OTHER_CELLS),
    (
        "a line of the grid",
        grid(["tests", "combined"], {"algorithm": ["grpo"], "reward": ["ruff"]}),
        trained(2) + OTHER_CELLS,
    ),
    (
        "an axis with a line of the grid",
        config(
            studies={
                "rlvr": {
                    "axes": {"size": {"all": {}, "few": {"tasks": "few"}}},
                    "tasks": {"few": {**_MINI, "limit": 8}},
                    "grid": [
                        {"algorithm": ["gspo"], "reward": ["tests", "combined"]},
                        {"algorithm": ["gspo"], "reward": ["tests"], "size": ["few"]},
                    ],
                }
            }
        ),
        Counter(study_tasks=1) + trained(2) + OTHER_CELLS,
    ),
    (
        "an evaluation",
        study(evaluations={"seen": {"tasks": "train", "decoding": "greedy"}}),
        Counter(generate=6, control=2, execute=8, lint=8, measure=8) + SUMMARY,
    ),
    ("fewer policies", grid(["tests"]), RETRAINED + OTHER_CELLS),
    ("what is published", study(published=[]), Counter(study_tables=1, study_paper=1)),
    # Packages.
    ("torch", version("torch"), PRETRAINED),
    ("transformers", version("transformers"), PRETRAINED),
    ("trl", version("trl"), trained(4)),
    ("peft", version("peft"), ALL_CELLS),
    ("ruff", version("ruff"), BY_RUFF),
    ("pandas", version("pandas"), RETRAINED - Counter(study_explorer=1)),
    ("scipy", version("scipy"), SUMMARY - Counter(study_explorer=1)),
    ("matplotlib", version("matplotlib"), Counter(study_figures=1, study_paper=1)),
    ("typst", version("typst"), Counter(study_paper=1)),
    ("pygments", version("pygments"), Counter(study_explorer=1)),
    ("pytest", version("pytest"), Counter()),
    # Products.
    ("tables removed", remove("rlvr/tables"), Counter(study_tables=1, study_paper=1)),
    ("claims removed", remove("rlvr/claims"), Counter(study_claims=1, study_paper=1)),
    ("a note removed", remove("rlvr/cost.checksums.json"), Counter(study_cost=1, study_paper=1)),
    ("an adapter's note removed", remove(f"{CELL}/adapters.checksums.json"), trained(1)),
    ("a note spoiled", spoil("rlvr/tables.checksums.json"), Counter(study_paper=1)),
    ("samples removed", remove(f"{CELL}/greedy/samples.jsonl"), Counter(measure=1) + SUMMARY),
    (
        "adapters and log removed",
        lambda copy: (remove(f"{CELL}/adapters")(copy), remove(f"{CELL}/train.jsonl")(copy)),
        trained(1),
    ),
    ("a training's times removed", remove(f"{CELL}/train-times.jsonl"), trained(1)),
    (
        "an execution's times removed",
        remove(f"{CELL}/greedy/executions-times.jsonl"),
        Counter(execute=1, measure=1) + SUMMARY,
    ),
    ("executions spoiled", spoil(f"{CELL}/greedy/executions.jsonl"), Counter(measure=1) + SUMMARY),
]


@pytest.mark.parametrize(
    ("change", "expected"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES]
)
def test_a_change_reruns_what_it_touches_and_nothing_else(copy, change, expected):
    change(copy)
    assert copy.plan() == dict(expected)


# ---------------------------------------------------------------- times

_LONG_AGO = 10**9


def touched(folder):
    for path in folder.rglob("*"):
        os.utime(path, follow_symlinks=False)


def aged(folder):
    """As from an archive that keeps no times, or a clock that went wrong."""
    for path in folder.rglob("*"):
        os.utime(path, (_LONG_AGO, _LONG_AGO), follow_symlinks=False)


def reversed_in_time(folder):
    """Inputs younger than what was made of them."""
    paths = sorted(folder.rglob("*"), key=lambda path: path.lstat().st_mtime)
    for age, path in enumerate(paths):
        os.utime(path, (_LONG_AGO - age, _LONG_AGO - age), follow_symlinks=False)


@pytest.mark.parametrize("change", [touched, aged, reversed_in_time])
@pytest.mark.parametrize("part", [".", "results", "results/mini/models"])
def test_times_decide_nothing(copy, change, part):
    change(copy.folder / part)
    assert copy.plan() == {}


def test_a_copy_without_times_is_up_to_date(made, tmp_path):
    shutil.copytree(made.folder, tmp_path / "copy", symlinks=True, copy_function=shutil.copyfile)
    copy = Copy.of(tmp_path / "copy")
    for path in copy.folder.rglob(".snakemake_timestamp"):
        path.unlink()
    assert copy.plan() == {}
    assert copy.rlvf("check", "results/mini").returncode == 0


# ---------------------------------------------------------------- what is said of it

_A_LEVEL = """\
studies.rlvr.axes.reward.tests.weight_decay: 0.0 -> 0.1
  2 cells: rlvr/mini-{llama,qwen3}/gspo-tests/seed1
    train; then 2 generate, 2 execute, 2 lint, 2 measure each: 18 jobs, TIME

follows from these cells
  study_cost, study_claims, study_explorer, study_figures, study_tables, \
study_paper of rlvr: 6 jobs, TIME"""

_A_CENTRE = """\
studies.rlvr.training.learning_rate: 0.001 -> 0.002
  4 cells: rlvr/mini-{llama,qwen3}/gspo-{combined,tests}/seed1
    train; then 2 generate, 2 execute, 2 lint, 2 measure each: 36 jobs, TIME

follows from these cells
  study_cost, study_claims, study_explorer, study_figures, study_tables, \
study_paper of rlvr: 6 jobs, TIME"""

_PACKAGE = """\
ruff VERSION -> 99.0
  2 cells: rlvr/mini-{llama,qwen3}/gspo-combined/seed1
    train, 2 lint; then 2 generate, 2 execute, 2 measure each: 18 jobs, TIME
  4 cells: rlvr/mini-{llama,qwen3}/{base,gspo-tests}/seed1
    2 lint; then 2 measure each: 16 jobs, TIME
  2 cells: rlvr/none/{empty,reference}/seed0
    lint; then measure each: 4 jobs, TIME

follows from these cells
  study_cost, study_claims, study_explorer, study_figures, study_tables, \
study_paper of rlvr: 6 jobs, TIME"""

_SHARED = """\
models.mini-llama.steps: 4 -> 5
  pretrain_model of mini-llama: 1 job, TIME

follows from pretrain_model mini-llama
  2 cells: rlvr/mini-llama/gspo-{combined,tests}/seed1
    train, 2 generate, 2 execute, 2 lint, 2 measure each: 18 jobs, TIME
  rlvr/mini-llama/base/seed1
    2 generate, 2 execute, 2 lint, 2 measure: 8 jobs, TIME

follows from these cells
  study_cost, study_claims, study_explorer, study_figures, study_tables, \
study_paper of rlvr: 6 jobs, TIME"""

_NEW_SEED = """\
never made
  4 cells: rlvr/mini-{llama,qwen3}/gspo-{combined,tests}/seed2
    train, 2 generate, 2 execute, 2 lint, 2 measure each: 36 jobs, TIME
  2 cells: rlvr/mini-{llama,qwen3}/base/seed2
    2 generate, 2 execute, 2 lint, 2 measure each: 16 jobs, TIME

studies.rlvr.seeds: [1] -> [1, 2]
follows from these cells
  study_cells, study_cost, study_claims, study_explorer, study_figures, study_tables, \
study_paper of rlvr: 7 jobs, TIME"""

_FEWER = """\
no longer read: results/mini/rlvr/mini-{llama,qwen3}/gspo-combined/seed1/{greedy,sampled}/\
{completions.jsonl,executions.jsonl,ruff.jsonl,samples.jsonl}, \
results/mini/rlvr/mini-{llama,qwen3}/gspo-combined/seed1/{train-times.jsonl,train.jsonl}
rewards.ruff: used -> not used
studies.rlvr.axes.reward.combined: used -> not used
studies.rlvr.grid: changed
  study_claims, study_cost, study_explorer, study_figures, study_tables; \
then study_cells, study_paper of rlvr: 7 jobs, TIME"""

_MISSING = """\
missing: {adapters,train.jsonl}
  rlvr/mini-qwen3/gspo-tests/seed1
    train; then 2 generate, 2 execute, 2 lint, 2 measure: 9 jobs, TIME

follows from these cells
  study_cost, study_claims, study_explorer, study_figures, study_tables, \
study_paper of rlvr: 6 jobs, TIME"""

_EDITED = """\
changed: greedy/executions.jsonl
  rlvr/mini-qwen3/gspo-tests/seed1
    measure: 1 job, TIME

changed: results/mini/rlvr/mini-qwen3/gspo-tests/seed1/greedy/executions.jsonl
follows from these cells
  study_claims, study_explorer, study_figures, study_tables, study_paper of rlvr: 5 jobs, TIME"""

_CODE_AND_TEXT = """\
changed: paper/rlvr/paper.typ
code changed: src/rlvf/analysis/tables.py
  study_tables, study_paper of rlvr: 2 jobs, TIME"""

# Snakemake itself looks for no further reason in the linting of a cell that is trained again.
_TWO_SETTINGS = """\
lint.severities.info: [W, E1, E2, E3, E5] -> [W]
  2 cells: rlvr/mini-{llama,qwen3}/gspo-combined/seed1
    train, 2 lint; then 2 generate, 2 execute, 2 measure each: 18 jobs, TIME
  2 cells: rlvr/mini-{llama,qwen3}/base/seed1
    2 lint; then 2 measure each: 8 jobs, TIME
  2 cells: rlvr/none/{empty,reference}/seed0
    lint; then measure each: 4 jobs, TIME

lint.severities.info: [W, E1, E2, E3, E5] -> [W]
studies.rlvr.axes.reward.tests.weight_decay: 0.0 -> 0.1
  2 cells: rlvr/mini-{llama,qwen3}/gspo-tests/seed1
    train, 2 lint; then 2 generate, 2 execute, 2 measure each: 18 jobs, TIME

follows from these cells
  study_cost, study_claims, study_explorer, study_figures, study_tables, \
study_paper of rlvr: 6 jobs, TIME"""

SAID = [
    (["a level"], _A_LEVEL),
    (["a training's centre"], _A_CENTRE),
    (["ruff"], _PACKAGE.replace("VERSION", importlib.metadata.version("ruff"))),
    (["a model"], _SHARED),
    (["another seed"], _NEW_SEED),
    (["fewer policies"], _FEWER),
    (["adapters and log removed"], _MISSING),
    (["executions spoiled"], _EDITED),
    (["paper's text", "table"], _CODE_AND_TEXT),
    (["a level", "severities"], _TWO_SETTINGS),
]


@pytest.mark.parametrize(
    ("changes", "expected"), SAID, ids=[" and ".join(changes) for changes, _ in SAID]
)
def test_each_cause_is_said_with_what_follows_from_it(copy, changes, expected):
    make = {name: change for name, change, _ in CHANGES}
    for name in changes:
        make[name](copy)
    assert copy.why() == expected


def test_it_is_said_that_nothing_is_to_be_done(made):
    assert made.why() == "Nothing to be done: the products of all 71 jobs are up to date."


def test_products_of_which_nothing_is_recorded_are_counted(copy):
    shutil.rmtree(copy.folder / ".snakemake")
    assert "Of 71 jobs .snakemake does not say how their products were made" in copy.why()


def test_settings_are_said_in_the_words_of_the_configuration(copy):
    copy.configure(
        benchmarks={"minimbpp": {"seed": 2}},
        models={"mini-qwen3": {"hidden_size": 64}},
        sandbox={"timeout": 3.0},
        lint={"ignore": ["E501"]},
        rewards={"ruff": {"weights": {"error": 2.0}}},
        decodings={"greedy": {"batch_size": 64}},
        studies={
            "rlvr": {
                "prompt": {"tests_shown": 2},
                "training": {"lora": {"r": 8}},
                "axes": {
                    "algorithm": {"gspo": {"beta": 0.1}},
                    "reward": {"combined": {"rewards": {"ruff": 0.4}}},
                },
                "tasks": {"test": {"limit": 3}},
            }
        },
    )
    lines = set(copy.why().splitlines())
    expected = {
        "benchmarks.minimbpp.seed: 1 -> 2",
        "models.mini-qwen3.hidden_size: 32 -> 64",
        "studies.rlvr.prompt.tests_shown: 1 -> 2",
        "sandbox.timeout: 2.0 -> 3.0",
        "lint.ignore: [] -> [E501]",
        "rewards.ruff.weights.error: 1.0 -> 2.0",
        "studies.rlvr.axes.reward.combined.rewards.ruff: 0.3 -> 0.4",
        "studies.rlvr.axes.algorithm.gspo.beta: 0.0 -> 0.1",
        "studies.rlvr.training.lora.r: 16 -> 8",
        "decodings.greedy.batch_size: 128 -> 64",
        "studies.rlvr.tasks.test.limit: none -> 3",
    }
    assert {line for line in lines if " -> " in line} == expected
