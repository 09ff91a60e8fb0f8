import copy
import json
import re
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

from rlvf.benchmarks import mbpp, minimbpp
from rlvf.cli import main
from rlvf.config import CHECKOUT, TAKEN, Config, load_config, parse_config, read_config
from rlvf.errors import RlvfError
from rlvf.settings import LintSettings, SandboxSettings, parse_settings, to_json
from tests.conftest import REPOSITORY


@pytest.fixture
def raw(paper_config):
    return paper_config.model_dump(mode="json")


def changed(raw, key, value):
    raw = copy.deepcopy(raw)
    *path, last = key.split("/")
    section = raw
    for part in path:
        section = section[part]
    section[last] = value
    return raw


def test_the_paper_grid(paper_config):
    cells = list(paper_config.cells("rlvr"))
    trained = {(cell.model, cell.policy, cell.seed) for cell in cells if cell.trained}
    assert len(trained) == 2 * 6 * 3
    assert sum(cell.policy == "base" for cell in cells) == 2 * 3
    assert [cell.policy for cell in cells if cell.control] == ["reference", "empty"]


def test_mini_differs_in_configuration_only(mini_config):
    policies = [cell.policy for cell in mini_config.cells("rlvr") if cell.model == "mini-llama"]
    assert policies == ["base", *(f"{a}-{r}" for a in ("grpo", "gspo") for r in REWARDS)]


REWARDS = ("tests", "ruff", "combined")


def test_defaults_are_those_of_the_configuration(paper_config, mini_config):
    assert paper_config.lint == LintSettings()
    assert paper_config.sandbox == SandboxSettings()
    assert paper_config.benchmarks["mbpp"] == mbpp.Settings()
    assert mini_config.benchmarks["minimbpp"] == minimbpp.Settings()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("training/group_size", 7, "training.group_size: 7 does not divide .* 128 .allowed: 2, 4"),
        ("training/micro_batch_size", 48, "training.micro_batch_size: 48 × .* 128"),
        ("training/lr_scheduler", "constant", "training.warmup_steps: 10 would be ignored with lr"),
        ("training/learning_rate", "high", "training.learning_rate: .*number .given: 'high'"),
        ("training/lr", 1, "training.lr: there is no such key .allowed: generations, "),
        ("training/lora/rank", 8, r"training.lora.rank: there is no such key \(allowed: r, alpha"),
        (
            "rewards/mixes/combined",
            {"style": 1.0},
            "rewards.mixes.combined: .*'style'.*ruff, tests",
        ),
        ("rewards/mixes/none", {}, "rewards.mixes.none: names no component"),
        ("rewards/components/ruff/weights", {"error": 1.0}, "weights: needs a weight for info, wa"),
        ("studies/rlvr/models", ["gpt"], "studies.rlvr.models: there is no 'gpt' .allowed: qwen3"),
        ("studies/rlvr/seeds", [1, 1], "studies.rlvr.seeds: names a value twice"),
        ("studies/rlvr/published", ["training.lr"], "published: there is no key 'training.lr'"),
        ("models/qwen3-0.6b/revision", "main", "models.qwen3-0.6b.revision: .*given: 'main'"),
        ("models/qwen3-0.6b/kind", "url", "models.qwen3-0.6b: .*'url'.*'hub', 'mini'"),
        ("decodings/greedy/samples", 4, "decodings.greedy.samples: 4 at temperature 0"),
        ("decodings/sampled/top_p", 2.0, "decodings.sampled.top_p: .*less than or equal to 1"),
        ("algorithms/grpo/loss_type", "ppo", "algorithms.grpo.loss_type: .*'grpo'.*given: 'ppo'"),
        ("training/learning_rate", float("inf"), "training.learning_rate: .*finite number"),
        ("sandbox/timeout", float("nan"), "sandbox.timeout: .*finite number"),
        ("training/generations", 5.0, "training.generations: .*valid integer .given: 5.0"),
        (
            "studies/rlvr/models",
            [1e3],
            r"models.0: .*\(given: 1000.0\); as text it stands in quotes",
        ),
        ("studies/rlvr/seeds", [-1], "studies.rlvr.seeds.0: .*greater than or equal to 0"),
        ("studies/rlvr/seeds", [2**32], "studies.rlvr.seeds.0: .*less than 4294967296"),
        ("studies/rlvr/train_split", "all", "train_split: there is no 'all' .allowed: prompt, te"),
        ("models/qwen3-0.6b/repo", "a b/c", "models.qwen3-0.6b.repo: 'a b/c' is no repository's"),
        ("models/qwen3-0.6b/repo", "a--b/c", "models.qwen3-0.6b.repo: 'a--b/c' is no repository"),
        ("models/qwen3-0.6b/repo", "../c", "models.qwen3-0.6b.repo: '../c' is no repository's"),
        ("benchmarks/mbpp/source", "~/mbpp.jsonl", "benchmarks.mbpp.source: .* not a path written"),
        ("benchmarks/mbpp/source", "$DATA/mbpp", "benchmarks.mbpp.source: .* not a path written"),
        ("benchmarks/mbpp/source", "", "benchmarks.mbpp.source: '' is not a path written"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(raw, key, value, message):
    with pytest.raises(RlvfError, match=f"^config.yaml: .*{message}") as error:
        parse_config(changed(raw, key, value), "config.yaml")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("section", "like", "name"),
    [
        (section, like, name)
        for section, like in (
            ("studies", "rlvr"),
            ("models", "qwen3-0.6b"),
            ("decodings", "greedy"),
        )
        for name in TAKEN[section]
    ],
)
def test_a_name_that_would_land_on_another_folder_is_refused(raw, section, like, name):
    raw[section][name] = raw[section][like]
    with pytest.raises(RlvfError, match=f"^config.yaml: {section}.{name}: is the name of another"):
        parse_config(raw, "config.yaml")


def test_all_folders_that_the_rules_make_beside_names_are_known():
    rules = "".join(path.read_text() for path in (REPOSITORY / "workflow" / "rules").iterdir())
    for section, place in (("studies", "RESULTS"), ("models", "STUDY"), ("decodings", "CELL")):
        beside = set(re.findall(rf"{{{place}}}/([a-z-]+)(?![\w.-])", rules))
        assert beside and beside <= {*TAKEN[section]}


def test_two_policies_of_one_name_are_refused(raw):
    study = raw["studies"]["rlvr"]
    raw["algorithms"] |= {"a": raw["algorithms"]["grpo"], "a-b": raw["algorithms"]["gspo"]}
    raw["rewards"]["mixes"] |= {"b-c": {"tests": 1.0}, "c": {"ruff": 1.0}}
    study |= {"algorithms": ["a", "a-b"], "rewards": ["b-c", "c"], "published": []}
    with pytest.raises(RlvfError, match=r"studies.rlvr: two pairs .* called 'a-b-c'; rename one"):
        parse_config(raw, "config.yaml")


@pytest.mark.parametrize("key", ["results", "cache"])
@pytest.mark.parametrize(
    "path",
    [
        *("my results", "a'b", 'a"b', "~/x", "$HOME/x", "a/$USER", "-x", "--x", "a{b}", "{study}"),
        *("a*", "a?", "[a]", "a;b", "a|b", "a&b", "a\\b", "a\nb", "a\tb", "a\0b", "a\u00a0b"),
        *("..", "../x", "a/../b", "a/..", "s3://a/b", "a:b", "a,b", "a=b", "(a)", "#a", "!a", "%a"),
    ],
)
def test_a_path_that_a_shell_or_snakemake_takes_for_more_is_refused(raw, key, path):
    with pytest.raises(RlvfError, match=rf"^config.yaml: {key}: .* is no folder's path") as error:
        parse_config(changed(raw, key, path), "config.yaml")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "path",
    ["", ".", "/", "//", "./", "./.", "src", "./src/x", "workflow/", ".git/x", "config.yaml"],
)
def test_a_folder_of_other_files_is_refused(raw, path):
    with pytest.raises(RlvfError, match=r"^config.yaml: results: .*(holds other|is no folder's)"):
        parse_config(changed(raw, "results", path), "config.yaml")


@pytest.mark.parametrize(
    ("path", "same"),
    [
        ("results/", "results"),
        ("results//mini/", "results/mini"),
        ("./results/./x", "results/x"),
        ("/scratch/me/", "/scratch/me"),
        ("//scratch//me", "/scratch/me"),
        ("Ergebnisse/größer/模型", "Ergebnisse/größer/模型"),
        ("a.b/c_d/e+f@g/-h", "a.b/c_d/e+f@g/-h"),
        (".results", ".results"),
        ("srcs/src", "srcs/src"),
    ],
)
def test_equal_paths_are_written_alike(raw, path, same):
    assert parse_config(changed(raw, "results", path), "config.yaml").results == same


@pytest.mark.parametrize(
    "cache", ["results", "results/cache", "./results//x", str(Path.cwd() / "results")]
)
def test_the_cache_lies_outside_of_the_results(raw, cache):
    with pytest.raises(RlvfError, match=r"cache: '.*' lies in results, 'results'"):
        parse_config(changed(raw, "cache", cache), "config.yaml")
    parse_config(changed(raw, "cache", "results-cache"), "config.yaml")


def test_all_that_git_tracks_is_nobodys_results():
    command = ["git", "ls-tree", "--name-only", "HEAD"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("needs a checkout of git's: run the tests in one")
    assert set(done.stdout.split()) <= set(CHECKOUT)


def test_a_missing_key_is_named(raw):
    del raw["training"]["generations"]
    with pytest.raises(RlvfError, match=r"config.yaml: training.generations: Field required"):
        parse_config(raw, "config.yaml")


def with_overrides(raw, *overrides) -> Config:
    return parse_config(changed(raw, "studies/rlvr/overrides", list(overrides)), "config.yaml")


def rates(config):
    return {
        cell.policy: config.train_settings(cell).training.learning_rate
        for cell in config.cells("rlvr")
        if cell.trained and cell.model == "qwen3-0.6b" and cell.seed == 1
    }


def test_an_override_changes_only_the_cells_that_it_selects(raw):
    override = {"where": {"algorithm": "gspo"}, "training": {"learning_rate": 0.5}}
    changed_rates = rates(with_overrides(raw, override))
    assert {policy for policy, rate in changed_rates.items() if rate == 0.5} == {
        "gspo-tests",
        "gspo-ruff",
        "gspo-combined",
    }


def test_an_override_is_checked_in_the_cell_that_it_makes(raw):
    override = {"where": {"reward": "ruff"}, "training": {"group_size": 5}}
    with pytest.raises(RlvfError, match=r"overrides: for .*grpo-ruff/seed1: .*5 does not divide"):
        with_overrides(raw, override)


def test_an_override_that_selects_nothing_is_an_error(raw):
    with pytest.raises(RlvfError, match=r"overrides.0.where.algorithm: there is no 'ppo'"):
        with_overrides(raw, {"where": {"algorithm": "ppo"}, "training": {}})


def test_a_stage_depends_on_its_slice_only(raw):
    before = parse_config(raw, "config.yaml")
    after = parse_config(changed(raw, "sandbox/timeout", 9.0), "config.yaml")

    def slices(config):
        return {
            cell.policy: to_json(config.train_settings(cell))
            for cell in config.cells("rlvr")
            if cell.trained
        }

    differing = {p for p, text in slices(before).items() if text != slices(after)[p]}
    assert differing == {"grpo-tests", "grpo-combined", "gspo-tests", "gspo-combined"}


def test_the_command_line_is_laid_over_the_files(tmp_path, raw):
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(raw))
    changes = [
        'training={"learning_rate": 5e-4, "top_k": 3, "gradient_checkpointing": false}',
        "training={'max_grad_norm': 2}",
        'studies={"rlvr": {"seeds": [1, 2, 7], "train_limit": null}}',
        "checkpoint_every=3",
        "results=elsewhere",
    ]
    config = parse_config(read_config([tmp_path / "a.yaml"], changes), "here")
    training = config.training
    assert (training.learning_rate, training.top_k, training.max_grad_norm) == (5e-4, 3, 2.0)
    assert training.gradient_checkpointing is False
    assert training.generations == raw["training"]["generations"]
    assert config.studies["rlvr"].seeds == [1, 2, 7]
    assert (config.checkpoint_every, config.results) == (3, "elsewhere")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("training={a: 1, a: 2}", "--config training:1: .*'a' stands twice"),
        ("training={", "--config training:1: not valid YAML"),
        ("checkpoint_every='3'", "checkpoint_every: .*valid integer .given: '3'"),
        ("checkpoint_every=0x10", "checkpoint_every: .*valid integer .given: '0x10'"),
        ("checkpoint_every=yes", "checkpoint_every: .*valid integer .given: 'yes'"),
        ("prompt={chat: yes}", "prompt.chat: .*valid boolean .given: 'yes'"),
        ("training=", "training: .*given: None"),
        ("trainng={}", "trainng: there is no such key"),
    ],
)
def test_what_the_command_line_says_is_read_as_strictly(tmp_path, raw, change, message):
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(raw))
    with pytest.raises(RlvfError, match=message):
        parse_config(read_config([tmp_path / "a.yaml"], [change]), "here")


def test_files_are_laid_over_each_other(tmp_path, raw):
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(raw))
    (tmp_path / "b.yaml").write_text("training: {generations: 3}\n")
    config = load_config(tmp_path / "a.yaml", tmp_path / "b.yaml")
    assert config.training.generations == 3
    assert config.training.group_size == raw["training"]["group_size"]


@pytest.mark.parametrize("text", ["a: [1", "- 1"])
def test_a_file_that_is_no_configuration_is_named(tmp_path, text):
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(RlvfError, match=r"broken.yaml(:1)?: (not valid YAML|must hold)"):
        load_config(path)


def test_settings_come_as_text_or_from_a_file(tmp_path):
    path = tmp_path / "sandbox.yaml"
    path.write_text("timeout: 3.0\n")
    assert parse_settings('{"timeout": 3.0}', SandboxSettings) == SandboxSettings(timeout=3.0)
    assert parse_settings(str(path), SandboxSettings) == SandboxSettings(timeout=3.0)


@pytest.mark.parametrize("scale", ["mini_config", "paper_config"])
def test_settings_survive_their_json(scale, request):
    config = request.getfixturevalue(scale)
    for cell in config.cells("rlvr"):
        if cell.trained:
            settings = config.train_settings(cell)
            assert parse_settings(to_json(settings), type(settings)) == settings


def test_hyperparameters_are_what_a_study_uses_and_what_changes_its_results(paper_config):
    study = paper_config.studies["rlvr"]
    changes = {"models": study.models[:1], "algorithms": study.algorithms[:1]}
    config = paper_config.model_copy(
        update={"studies": {"rlvr": study.model_copy(update=changes), "other": study}}
    )
    found = config.hyperparameters("rlvr")
    assert list(found["models"]) == changes["models"]
    assert list(found["algorithms"]) == changes["algorithms"]
    assert list(found["studies"]) == ["rlvr"]
    assert found["training"]["learning_rate"] == config.training.learning_rate
    assert not found.keys() & {"scale", "results", "cache", "resources", "checkpoint_every"}


# ---------------------------------------------------------------- for editors


@pytest.fixture
def schema(capsys):
    assert main(["schema"]) == 0
    return jsonschema.Draft202012Validator(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize("name", ["config.yaml", "config/mini.yaml"])
def test_the_schema_holds_for_each_file_by_itself(schema, name):
    schema.validate(yaml.safe_load((REPOSITORY / name).read_text()))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("training: {generation: 5}", ["training"]),
        ("training: {generations: 0}", ["training", "generations"]),
        ("sandbox: {timeout: fast}", ["sandbox", "timeout"]),
        ("studies: {rlvr: {seeds: 1}}", ["studies", "rlvr", "seeds"]),
        ("models: {m: {kind: hub, revision: main}}", ["models", "m"]),
        ("rewards: {components: {ruff: {kind: ruff, cap: x}}}", ["rewards", "components", "ruff"]),
    ],
)
def test_the_schema_finds_what_is_wrong(schema, text, place):
    (error,) = schema.iter_errors(yaml.safe_load(text))
    assert list(error.absolute_path) == place
