"""A study's block of the configuration, and the cells that it makes."""

import copy

import pytest

from rlvf.config import Config, parse_config
from rlvf.errors import RlvfError
from rlvf.settings import to_json

# A study with axes that have centres, a level for one model only, a training that starts with
# another's adapter, and an evaluation of all adapters that are kept.
STUDY = {
    "axes": {
        "algorithm": {
            "dr-grpo": {"loss_type": "dr_grpo"},
            "grpo": {},
        },
        "reward": {"tests": {"rewards": {"tests": 1.0}}, "ruff": {"rewards": {"ruff": 1.0}}},
        "size": {"all": {}, "n32": {"tasks": "train-32"}},
        "rank": {"r16": {}, "r8": {"models": ["llama-3.2-1b"], "lora": {"r": 8}}},
        "start": {
            "cold": {},
            "warm": {"start": {"levels": {"reward": "ruff"}, "generation": 50}},
            "late": {"start": {"levels": {"reward": "ruff"}}},
        },
    },
    "grid": [
        {"algorithm": ["grpo", "dr-grpo"], "reward": ["tests", "ruff"]},
        {"reward": ["tests"], "size": ["all", "n32"]},
        {"reward": ["tests"], "rank": ["r8"]},
        {"reward": ["tests"], "start": ["warm", "late"]},
    ],
    "evaluations": {
        "greedy": {"tasks": "test", "decoding": "greedy"},
        "along": {"tasks": "test", "decoding": "sampled", "at": "kept"},
        "seen": {"tasks": "train-32", "decoding": "sampled"},
    },
    "published": [],
}


@pytest.fixture
def raw(paper_config):
    raw = paper_config.model_dump(mode="json")
    study = raw["studies"]["rlvr"]
    study |= copy.deepcopy(STUDY)
    study["tasks"]["train-32"] = {**study["tasks"]["train"], "limit": 32}
    study["training"] |= {"keep_every": 50, "epsilon": 0.2, "epsilon_high": 0.2}
    study["training"] |= {"importance_sampling_level": "token"}
    return raw


def parsed(raw, *path, value=None) -> Config:
    """The configuration, with another value at a place in the study's block."""
    section = raw["studies"]["rlvr"]
    for key in path[:-1]:
        section = section[key]
    if path:
        section[path[-1]] = value
    return parse_config(raw, "config.yaml")


def trained(config, model="llama-3.2-1b"):
    """The trained cells of one model and seed, by policy."""
    cells = config.cells("rlvr")
    return {
        cell.policy: cell
        for cell in cells
        if cell.trained and (cell.model, cell.seed) == (model, 1)
    }


# ---------------------------------------------------------------- cells


def test_the_grid_is_a_union_of_products_whose_centres_are_left_out_of_names(raw):
    assert list(trained(parsed(raw))) == [
        "dr-grpo-tests",
        "dr-grpo-ruff",
        "tests",
        "tests-warm",
        "tests-late",
        "tests-r8",
        "tests-n32",
        "ruff",
    ]


def test_a_cell_has_a_level_of_every_axis_that_the_grid_names(raw):
    cell = trained(parsed(raw))["tests-n32"]
    assert cell.levels == {
        "algorithm": "grpo",
        "reward": "tests",
        "size": "n32",
        "rank": "r16",
        "start": "cold",
    }


def test_a_level_may_be_for_some_models_only(raw):
    config = parsed(raw)
    assert trained(config).keys() - trained(config, "qwen3-0.6b").keys() == {"tests-r8"}


def test_a_level_changes_some_keys_of_a_section_and_replaces_anything_else(raw):
    raw["studies"]["rlvr"]["training"]["rewards"] = {"tests": 0.5}
    config = parsed(raw)
    settings = config.train_settings(trained(config)["tests-r8"]).training
    assert (settings.lora.r, settings.lora.alpha) == (8, 32)
    assert config.train_settings(trained(config)["ruff"]).training.rewards == {"ruff": 1.0}


def test_cells_without_any_level_off_centre_are_called_after_the_recipe(raw):
    raw["studies"]["rlvr"]["training"]["rewards"] = {"tests": 1.0}
    config = parsed(raw, "grid", value=[{"size": ["all", "n32"]}])
    assert list(trained(config)) == ["grpo", "n32"]


def test_a_level_without_a_recipe_makes_a_policy_that_is_not_trained(raw):
    study = raw["studies"]["rlvr"]
    study["axes"]["shown"] = {"three": {}, "none": {"recipe": None, "prompt": {"tests_shown": 0}}}
    study["grid"].append({"reward": ["tests"], "shown": ["none"]})
    config = parsed(raw)
    cell = config.cell("rlvr", "llama-3.2-1b", "tests-none", 1)
    (evaluation, *_) = config.evaluations_of(cell)
    assert (cell.kind, cell.levels["shown"], evaluation.adapter) == ("untrained", "none", None)
    assert config.generate_settings(cell, evaluation).prompt.tests_shown == 0


def test_a_study_need_not_train(raw):
    raw["studies"]["rlvr"] |= {"training": None, "axes": {}, "grid": []}
    assert {cell.kind for cell in parsed(raw).cells("rlvr")} == {"control", "base"}


def test_what_is_added_changes_no_cell_that_is_there(raw):
    """So nothing that exists is made again."""

    def slices(config):
        return {
            (cell.model, cell.policy, cell.seed): to_json(config.train_settings(cell))
            for cell in config.cells("rlvr")
            if cell.trained
        }

    before = slices(parsed(raw))
    study = raw["studies"]["rlvr"]
    study["axes"]["temperature"] = {"t10": {}, "t06": {"temperature": 0.6}}
    study["axes"]["size"]["n8"] = {"tasks": "train-32"}
    study["grid"].append({"reward": ["ruff"], "temperature": ["t06"]})
    study["grid"].append({"reward": ["ruff"], "size": ["n8"]})
    after = slices(parsed(raw))
    assert before.items() <= after.items()
    assert {policy for _, policy, _ in after.keys() - before.keys()} == {"ruff-t06", "ruff-n8"}


def test_an_optional_key_that_is_not_stated_is_in_no_slice(raw):
    """So a key that a later version adds makes nothing again where it is not used."""
    config = parsed(raw)
    slices = {
        cell.policy: to_json(config.train_settings(cell))
        for cell in config.cells("rlvr")
        if cell.trained
    }
    assert '"start"' in slices["tests-warm"]
    assert '"start"' not in slices["tests"]


# ---------------------------------------------------------------- starts, evaluations


def test_a_training_starts_with_an_adapter_that_another_one_keeps(raw):
    config = parsed(raw)
    study, cells = config.studies["rlvr"], trained(config)
    assert study.start_of(cells["tests-warm"]) == (cells["ruff"], "0050")
    assert study.start_of(cells["tests-late"]) == (cells["ruff"], "final")
    assert study.start_of(cells["tests"]) is None


def test_kept_adapters_are_evaluated_by_generation_and_base_as_generation_0(raw):
    config = parsed(raw)

    def along(cell):
        return {one.name: one.adapter for one in config.evaluations_of(cell) if "along" in one.name}

    assert along(trained(config)["tests"]) == {
        "along-0050": "0050",
        "along-0100": "0100",
        "along-0150": "0150",
        "along-0200": "final",
    }
    assert along(config.cell("rlvr", "llama-3.2-1b", "base", 1)) == {"along-0000": None}


def test_a_control_is_measured_once_on_each_of_the_task_sets(raw):
    config = parsed(raw)
    control = config.cell("rlvr", "none", "reference", 0)
    assert [one.name for one in config.evaluations_of(control)] == ["greedy", "seen"]


# ---------------------------------------------------------------- errors

TRAINING = ("training",)
WARM = ("axes", "start", "warm", "start")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            ("training", "group_size"),
            7,
            "training.group_size: 7 does not divide .* 128 .allowed: 2",
        ),
        (("training", "micro_batch_size"), 48, "training.micro_batch_size: 48 × .* 128"),
        (("training", "lr_scheduler"), "constant", "training.warmup_steps: 10 would be ignored"),
        (("training", "learning_rate"), "high", "training.learning_rate: .*number .given: 'high'"),
        (("training", "learning_rate"), float("inf"), "training.learning_rate: .*finite number"),
        (("training", "lr"), 1, "training.lr: there is no such key .allowed: "),
        (("training", "lora", "rank"), 8, r"training.lora.rank: there is no such key \(allowed: r"),
        (("training", "loss_type"), "ppo", "training.loss_type: .*'grpo'.*given: 'ppo'"),
        (("training", "generations"), 5.0, "training.generations: .*valid integer .given: 5.0"),
        (("training", "keep_every"), 201, "training.keep_every: 201 "),
        (("training", "recipe"), "ppo", "training.recipe: there is no recipe 'ppo' .allowed: grpo"),
        (("training", "tasks"), "all", "training.tasks: there is no 'all' .allowed: train, test"),
        (("training",), None, "training: is not stated"),
        (("axes", "model"), {"a": {}}, "axes.model: is what a claim calls something else"),
        (("axes", "size", "n32", "tsks"), "x", "axes.size.n32.tsks: there is no such key"),
        (("axes", "size", "n32", "prompt"), {"chat": 1}, "axes.size.n32.prompt.chat: .*boolean"),
        (("axes", "rank", "r8", "lora"), 8, "axes.rank.r8.lora: .*given: 8"),
        (("axes", "size", "n32", "prompt"), 3, "axes.size.n32.prompt.*: .*given: 3"),
        (("axes", "reward", "ruff", "recipe"), None, "start: 'ruff' is not trained, so"),
        (("axes", "rank", "r8", "lora"), {"r": 0}, "axes.rank.r8.lora.r: .*greater than 0"),
        (
            ("axes", "rank", "r8", "models"),
            ["gpt"],
            "axes.rank.r8.models: are some of .*allowed: q",
        ),
        (("axes", "rank", "r8", "models"), "gpt", "axes.rank.r8.models: are some of the study's"),
        (("axes", "size", "n9"), {}, "axes.size: all and n9 both change nothing"),
        (
            ("axes", "reward", "tests", "rewards"),
            {"style": 1.0},
            "rewards .policy dr-grpo-tests.: there is no 'style' .allowed: tests, ruff",
        ),
        (("axes", "reward", "tests", "rewards"), {}, "axes.reward.tests.rewards: "),
        (("grid",), [{"sise": ["all"]}], "grid.0: there is no axis 'sise' .allowed: algorithm"),
        (("grid",), [{"size": ["n64"]}], "grid.0.size: there is no level 'n64' .allowed: all, n32"),
        (("grid",), [{"reward": ["tests"]}, {"size": ["n32"]}], "grid.1: does not name .*'reward'"),
        ((*WARM, "generation"), 60, "start.generation: 'ruff' does not keep .*allowed: 50, 100,"),
        ((*WARM, "levels"), {"reward": "x"}, "start.levels: there is no level 'x' of an axis"),
        ((*WARM, "levels"), {"reward": "ruff", "size": "n32"}, "start.levels: the grid has no pol"),
        ((*WARM, "levels"), {"reward": "tests", "start": "warm"}, "axes: .*with one another's"),
        (
            (*WARM, "levels"),
            {"reward": "tests", "rank": "r8"},
            "start: 'tests-r8' is not trained with the model 'qwen3-0.6b'",
        ),
        (("tasks", "train", "split"), "all", "tasks.train.split: there is no 'all' .allowed: pr"),
        (("tasks", "test", "benchmark"), "x", "tasks.test.benchmark: there is no 'x'"),
        (("evaluations", "greedy", "tasks"), "x", "evaluations.greedy.tasks: there is no 'x'"),
        (("evaluations", "greedy", "decoding"), "x", "evaluations.greedy.decoding: there is no"),
        (("evaluations", "along", "at"), "all", "evaluations.along.at: .*'kept'"),
        (("evaluations", "along-0050"), {"tasks": "test", "decoding": "greedy"}, "two are called"),
        (("controls",), ["oracle"], "controls: there is no 'oracle' .allowed: reference, empty"),
    ],
)
def test_a_wrong_value_is_named_where_it_is_stated(raw, path, value, message):
    with pytest.raises(RlvfError, match=f"^config.yaml: studies.rlvr.*{message}") as error:
        parsed(raw, *path, value=value)
    assert "\n" not in str(error.value)


def test_a_policy_must_not_be_called_base(raw):
    raw["studies"]["rlvr"]["axes"]["reward"]["base"] = {"rewards": {"ruff": 1.0}}
    with pytest.raises(RlvfError, match=r"studies.rlvr.axes: a policy cannot be called 'base'"):
        parsed(raw, "grid", value=[{"reward": ["base"]}])


def test_two_policies_of_one_name_are_refused(raw):
    study = raw["studies"]["rlvr"]
    study["axes"] = {
        "first": {"a": {"rewards": {"tests": 1.0}}, "a-b": {"rewards": {"ruff": 1.0}}},
        "second": {"b-c": {"beta": 0.1}, "c": {"beta": 0.2}},
    }
    grid = [{"first": ["a", "a-b"], "second": ["b-c", "c"]}]
    with pytest.raises(RlvfError, match=r"grid: two policies are called 'a-b-c'; rename a level"):
        parsed(raw, "grid", value=grid)
