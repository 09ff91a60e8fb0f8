import copy
import json
import re
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

from rlvf import layout
from rlvf.benchmarks import mbpp, minimbpp
from rlvf.cli import main
from rlvf.config import CHECKOUT, load_config, parse_config, read_config
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
        ("rewards/ruff/weights", {"error": 1.0}, "weights: needs a weight for info, wa"),
        ("studies/rlvr/models", ["gpt"], "studies.rlvr.models: there is no 'gpt' .allowed: qwen3"),
        ("studies/rlvr/seeds", [1, 1], "studies.rlvr.seeds: names a value twice"),
        ("studies/rlvr/published", ["training.lr"], "published: there is no key 'training.lr'"),
        ("models/qwen3-0.6b/revision", "main", "models.qwen3-0.6b.revision: .*given: 'main'"),
        ("models/qwen3-0.6b/kind", "url", "models.qwen3-0.6b: .*'url'.*'hub', 'mini'"),
        ("decodings/greedy/samples", 4, "decodings.greedy.samples: 4 at temperature 0"),
        ("decodings/sampled/top_p", 2.0, "decodings.sampled.top_p: .*less than or equal to 1"),
        ("sandbox/timeout", float("nan"), "sandbox.timeout: .*finite number"),
        ("checkpoint_every", 5.0, "checkpoint_every: .*valid integer .given: 5.0"),
        (
            "studies/rlvr/models",
            [1e3],
            r"models.0: .*\(given: 1000.0\); as text it stands in quotes",
        ),
        ("studies/rlvr/seeds", [-1], "studies.rlvr.seeds.0: .*greater than or equal to 0"),
        ("studies/rlvr/seeds", [2**32], "studies.rlvr.seeds.0: .*less than 4294967296"),
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


@pytest.mark.parametrize("name", ["logs", "usage", "fetched", "models", "mini"])
def test_a_study_must_not_be_called_as_another_folder_of_the_results(raw, name):
    raw["studies"][name] = raw["studies"]["rlvr"]
    with pytest.raises(RlvfError, match=f"^config.yaml: studies.{name}: is the name of another"):
        parse_config(raw, "config.yaml")


@pytest.mark.parametrize("name", ["none", "tasks", "tables", "claims", "figures", "cost"])
def test_a_model_must_not_be_called_as_another_folder_of_a_study(raw, name):
    raw["models"][name] = raw["models"]["qwen3-0.6b"]
    with pytest.raises(RlvfError, match=f"^config.yaml: models.{name}: is the name of another"):
        parse_config(raw, "config.yaml")


@pytest.mark.parametrize("name", ["adapters", "checkpoints"])
def test_an_evaluation_must_not_be_called_as_another_folder_of_a_cell(raw, name):
    evaluations = raw["studies"]["rlvr"]["evaluations"]
    evaluations[name] = evaluations["greedy"]
    message = f"^config.yaml: studies.rlvr.evaluations.{name}: is the name of another"
    with pytest.raises(RlvfError, match=message):
        parse_config(raw, "config.yaml")


def test_all_places_that_rules_write_to_are_those_of_the_layout():
    rules = (REPOSITORY / "workflow" / "rules").iterdir()
    text = "".join(path.read_text() for path in rules)
    used = set(re.findall(r"PATHS\.([A-Z_]+)", text))
    assert used and used <= vars(layout.below("results")).keys()
    assert not re.search(r"CONFIG\.results\}/(?!fetched/)", text)


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
    del raw["sandbox"]
    with pytest.raises(RlvfError, match=r"config.yaml: sandbox: Field required"):
        parse_config(raw, "config.yaml")


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
        'decodings={"sampled": {"temperature": 5e-1, "top_k": 3}}',
        "decodings={'sampled': {'batch_size': 2}}",
        'studies={"rlvr": {"seeds": [1, 2, 7], "prompt": {"chat": false}}}',
        "checkpoint_every=3",
        "results=elsewhere",
    ]
    config = parse_config(read_config([tmp_path / "a.yaml"], changes), "here")
    sampled = config.decodings["sampled"]
    assert (sampled.temperature, sampled.top_k, sampled.batch_size) == (0.5, 3, 2)
    assert sampled.samples == raw["decodings"]["sampled"]["samples"]
    assert config.studies["rlvr"].seeds == [1, 2, 7]
    assert config.studies["rlvr"].prompt.chat is False
    assert (config.checkpoint_every, config.results) == (3, "elsewhere")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("sandbox={a: 1, a: 2}", "--config sandbox:1: .*'a' stands twice"),
        ("sandbox={", "--config sandbox:1: not valid YAML"),
        ("checkpoint_every='3'", "checkpoint_every: .*valid integer .given: '3'"),
        ("checkpoint_every=0x10", "checkpoint_every: .*valid integer .given: '0x10'"),
        ("checkpoint_every=yes", "checkpoint_every: .*valid integer .given: 'yes'"),
        ("studies={rlvr: {prompt: {chat: yes}}}", "prompt.chat: .*valid boolean .given: 'yes'"),
        ("sandbox=", "sandbox: .*given: None"),
        ("sandbx={}", "sandbx: there is no such key"),
    ],
)
def test_what_the_command_line_says_is_read_as_strictly(tmp_path, raw, change, message):
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(raw))
    with pytest.raises(RlvfError, match=message):
        parse_config(read_config([tmp_path / "a.yaml"], [change]), "here")


def test_files_are_laid_over_each_other(tmp_path, raw):
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(raw))
    (tmp_path / "b.yaml").write_text("studies: {rlvr: {training: {generations: 3}}}\n")
    config = load_config(tmp_path / "a.yaml", tmp_path / "b.yaml")
    training = config.studies["rlvr"].trainings["grpo-tests"]
    assert training.generations == 3
    assert training.group_size == raw["studies"]["rlvr"]["training"]["group_size"]


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


def test_hyperparameters_are_what_a_study_uses_and_what_changes_its_results(raw):
    study = raw["studies"]["rlvr"]
    study["tasks"]["few"] = study["tasks"]["train"]
    grid = [{"algorithm": ["grpo"], "reward": ["tests"]}]
    evaluations = {"greedy": study["evaluations"]["greedy"]}
    changes = {"models": study["models"][:1], "grid": grid, "evaluations": evaluations}
    raw["studies"]["rlvr"] = study | changes
    found = parse_config(raw, "config.yaml").hyperparameters("rlvr")
    assert {section: list(found[section]) for section in ("models", "rewards", "decodings")} == {
        "models": ["qwen3-0.6b"],
        "rewards": ["tests"],
        "decodings": ["greedy"],
    }
    block = found["studies"]["rlvr"]
    assert {axis: list(levels) for axis, levels in block["axes"].items()} == {
        "algorithm": ["grpo"],
        "reward": ["tests"],
    }
    assert list(found["studies"]) == ["rlvr"] and list(block["tasks"]) == ["train", "test"]
    assert found["studies"]["rlvr"]["training"]["learning_rate"] == 1e-5
    assert not found.keys() & {"scale", "results", "cache", "resources", "checkpoint_every"}


# ---------------------------------------------------------------- for editors


@pytest.fixture
def schema(capsys):
    assert main(["schema"]) == 0
    return jsonschema.Draft202012Validator(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize("name", ["config.yaml", "config/mini.yaml"])
def test_the_schema_holds_for_each_file_by_itself(schema, name):
    schema.validate(yaml.safe_load((REPOSITORY / name).read_text()))


TRAINING = ["studies", "rlvr", "training"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("studies: {rlvr: {training: {generations: 0}}}", TRAINING),
        ("studies: {rlvr: {training: {generation: 5}}}", TRAINING),
        ("sandbox: {timeout: fast}", ["sandbox", "timeout"]),
        ("studies: {rlvr: {seeds: 1}}", ["studies", "rlvr", "seeds"]),
        ("models: {m: {kind: hub, revision: main}}", ["models", "m"]),
        ("rewards: {ruff: {kind: ruff, cap: x}}", ["rewards", "ruff"]),
    ],
)
def test_the_schema_finds_what_is_wrong(schema, text, place):
    (error,) = schema.iter_errors(yaml.safe_load(text))
    assert list(error.absolute_path) == place
