"""Adapters that do not belong to their model, or are damaged, are refused; others name no place."""

import json
import os
import shutil

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from rlvf.checksums import write_checksums
from rlvf.errors import RlvfError
from rlvf.models.adapters import base_of, load_adapter, save_adapter
from rlvf.models.loading import load_model
from rlvf.models.mini import pretrain
from rlvf.settings import FetchSettings
from tests.conftest import tiny_pretrain_settings

WEIGHTS, CONFIG, BASE = "adapter_model.safetensors", "adapter_config.json", "base.json"


def make(model, out):
    """An adapter of the model in a folder, as a training saves it, with numbers that matter."""
    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    torch.manual_seed(1)
    adapted = get_peft_model(load_model(model, "float32"), config)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    save_adapter(adapted, base_of(model, "mini-qwen3"), out)
    return adapted


@pytest.fixture
def adapter(tiny_model, tmp_path):
    make(tiny_model, tmp_path / "adapter")
    return tmp_path / "adapter"


def change(**keys):
    def spoil(folder):
        content = json.loads((folder / CONFIG).read_text()) | keys
        (folder / CONFIG).write_text(json.dumps(content))

    return spoil


def weigh(how):
    def spoil(folder):
        save_file(how(load_file(folder / WEIGHTS)), folder / WEIGHTS, {"format": "pt"})

    return spoil


def pickle(folder):
    torch.save(load_file(folder / WEIGHTS), folder / "adapter_model.bin")
    (folder / WEIGHTS).unlink()


LAYER = "base_model.model.model.layers.0."
MISSING = "the adapter cannot be loaded: Found missing adapter keys"
SPOILT = {
    "renamed": (weigh(lambda t: {f"base_model.{k}": v for k, v in t.items()}), MISSING),
    "half": (weigh(lambda t: dict(list(t.items())[::2])), MISSING),
    "all but one": (weigh(lambda t: dict(list(t.items())[1:])), MISSING),
    "another layer too": (
        weigh(lambda t: t | {k.replace(".0.", ".1."): v.clone() for k, v in t.items()}),
        "asks for other tensors: 14 differ, such as .*layers.1",
    ),
    "a stray tensor": (weigh(lambda t: t | {"x": torch.ones(1)}), "1 differ, such as x"),
    "fewer targets": (change(target_modules=["q_proj"]), "asks for other tensors: 12 differ"),
    "of another rank": (change(r=8), "the adapter cannot be loaded: .*size mismatch"),
    "with a later peft's setting": (
        change(from_the_future=True),
        r"the adapter cannot be loaded: Unexpected keyword arguments \['from_the_future'\]",
    ),
    "with magnitudes": (change(use_dora=True), MISSING),
    "of another kind": (
        lambda f: (f / CONFIG).write_text('{"peft_type": "VERA", "target_modules": ["q_proj"]}'),
        "adapter_config.json: peft_type is not LORA",
    ),
    "of no known kind": (change(peft_type="NONE"), "the adapter cannot be loaded"),
    "no JSON": (lambda f: (f / CONFIG).write_text("{"), "the adapter cannot be loaded"),
    "without configuration": (lambda f: (f / CONFIG).unlink(), "the adapter cannot be loaded"),
    "not finite": (weigh(lambda t: {k: v / 0 for k, v in t.items()}), "that are not finite"),
    "of whole numbers": (
        weigh(lambda t: {k: v.int() for k, v in t.items()}),
        "no floating-point numbers of 16 or 32 bits, but I32",
    ),
    "cut short": (lambda f: os.truncate(f / WEIGHTS, 5000), f"{WEIGHTS}: cannot be read"),
    "pickled": (pickle, f"{WEIGHTS}: cannot be read: No such file"),
    "of a model unknown": (
        lambda f: (f / BASE).unlink(),
        "base.json: cannot be read .* not known which model",
    ),
    "of no model": (lambda f: (f / BASE).write_text("{}"), "base.json: is no record"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_an_adapter_that_is_not_whole_is_refused(tiny_model, adapter, name):
    spoil, message = SPOILT[name]
    spoil(adapter)
    with pytest.raises(RlvfError, match=message) as error:
        load_model(tiny_model, "float32", adapter)
    assert str(adapter) in str(error.value) and "train it again" in str(error.value)


def test_a_whole_adapter_is_what_was_saved(tiny_model, tmp_path):
    made = make(tiny_model, tmp_path / "adapter").eval()
    loaded = load_model(tiny_model, "float32", tmp_path / "adapter").eval()
    ids = torch.arange(10)[None]
    with torch.inference_mode():
        assert torch.equal(made(input_ids=ids).logits, loaded(input_ids=ids).logits)


def test_a_training_can_go_on_after_its_adapter_was_saved(tiny_model, tmp_path):
    """Peft finds the model's folder as before, and an adapter beside it is none of its files."""
    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    adapted = get_peft_model(load_model(tiny_model, "float32"), config)
    adapted.add_adapter("ref", config)
    before = dict(vars(adapted.peft_config["default"]))
    save_adapter(adapted, base_of(tiny_model, "mini-qwen3"), tmp_path / "adapter")
    assert vars(adapted.peft_config["default"]) == before
    assert before["base_model_name_or_path"] == adapted.get_base_model().name_or_path
    assert all(path.is_file() for path in (tmp_path / "adapter").iterdir())


def test_a_trainable_adapter_is_trained_and_the_model_is_not(tiny_model, adapter):
    model = load_model(tiny_model, "float32")
    loaded = load_adapter(model, tiny_model, adapter, trainable=True)
    trained = {name for name, one in loaded.named_parameters() if one.requires_grad}
    assert trained == {name for name, _ in loaded.named_parameters() if "lora_" in name}
    # The hub is never asked for it.
    assert loaded.peft_config["default"].base_model_name_or_path == str(tiny_model)


def test_an_adapter_of_another_model_is_refused_though_all_shapes_agree(
    tiny_models, adapter, mini_config, tmp_path
):
    """One of another architecture, and one of the same that was trained from another seed."""
    settings = tiny_pretrain_settings(mini_config, "qwen3")
    model = settings.model.model_copy(update={"seed": 2})
    pretrain(settings.model_copy(update={"model": model}), tmp_path / "other")
    for other in (tiny_models["llama"], tmp_path / "other"):
        with pytest.raises(RlvfError, match=r"trained for mini-qwen3, and .* holds other weights"):
            load_model(other, "float32", adapter)


def test_the_same_model_in_another_place_is_the_same(tiny_model, adapter, tmp_path):
    load_model(shutil.copytree(tiny_model, tmp_path / "moved"), "float32", adapter)


def test_no_file_of_an_adapter_says_where_its_model_lay(tiny_model, adapter):
    config = json.loads((adapter / CONFIG).read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == ("mini-qwen3", None)
    files = [path.read_bytes() for path in adapter.iterdir()]
    assert not any(str(tiny_model).encode() in content for content in files)
    assert any(b"base_model: mini-qwen3" in content for content in files)


def test_an_adapter_of_a_fetched_model_names_repository_and_revision(tiny_model, tmp_path):
    model = shutil.copytree(tiny_model, tmp_path / "cache" / "model")
    source = FetchSettings(kind="hub", repo="some/model", revision="0" * 40)
    write_checksums(model, source, [path.name for path in model.iterdir()])
    make(model, tmp_path / "adapter")
    config = json.loads((tmp_path / "adapter" / CONFIG).read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == (source.repo, source.revision)
    card = (tmp_path / "adapter" / "README.md").read_text()
    assert "base_model: some/model\n" in card and "base_model:adapter:some/model\n" in card
    load_model(model, "float32", tmp_path / "adapter")
