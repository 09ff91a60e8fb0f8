"""Model folders with something wrong: one line that names the folder, before anything is done."""

import json
import os
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from rlvf.benchmarks import minimbpp
from rlvf.benchmarks.minimbpp import load
from rlvf.environments.program import build_prompt
from rlvf.errors import RlvfError
from rlvf.models.loading import load_policy, tokenize_prompts

TASKS = load(minimbpp.Settings(), "test")[:2]
WEIGHTS, CONFIG = "model.safetensors", "config.json"
TOKENIZER, TEMPLATE = "tokenizer_config.json", "chat_template.jinja"


def change(name, **keys):
    """Other values for keys of a JSON file."""

    def spoil(folder):
        content = json.loads((folder / name).read_text()) | keys
        (folder / name).write_text(json.dumps(content))

    return spoil


def write(name, text):
    return lambda folder: (folder / name).write_text(text)


def remove(name):
    return lambda folder: (folder / name).unlink()


def weigh(how):
    """Other weights: `how` is given the tensors by name and returns them."""

    def spoil(folder):
        save_file(how(load_file(folder / WEIGHTS)), folder / WEIGHTS, {"format": "pt"})

    return spoil


def shard(folder, lacking=True):
    """The weights in two files, of which the second may be lacking."""
    tensors = load_file(folder / WEIGHTS)
    names = sorted(tensors)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for part, own in parts.items():
        save_file({name: tensors[name] for name in own}, folder / part, {"format": "pt"})
    index = {name: part for part, own in parts.items() for name in own}
    text = json.dumps({"metadata": {}, "weight_map": index})
    (folder / f"{WEIGHTS}.index.json").write_text(text)
    (folder / WEIGHTS).unlink()
    if lacking:
        (folder / "b.safetensors").unlink()


def pickle(folder):
    torch.save(load_file(folder / WEIGHTS), folder / "pytorch_model.bin")
    (folder / WEIGHTS).unlink()


def enlarge_vocabulary(folder):
    content = json.loads((folder / "tokenizer.json").read_text())
    more = content["added_tokens"][0] | {"id": 640, "content": "<|more|>"}
    write("tokenizer.json", json.dumps(content | {"added_tokens": [more]}))(folder)


HEAD = "lm_head.weight"
NORM = "model.norm.weight"
SPOILT = {
    "cut short": (lambda f: os.truncate(f / WEIGHTS, 100_000), "model.safetensors: cannot be read"),
    "a pointer": (write(WEIGHTS, "version https://git-lfs"), "model.safetensors: cannot be read"),
    "empty": (write(WEIGHTS, ""), "model.safetensors: cannot be read"),
    "without weights": (remove(WEIGHTS), "the model cannot be loaded: .*no file named"),
    "pickled": (pickle, "the model cannot be loaded: .*no file named model.safetensors"),
    "a part missing": (shard, "the model cannot be loaded: .*b.safetensors"),
    "no index": (
        lambda f: (shard(f, lacking=False), remove(f"{WEIGHTS}.index.json")(f)),
        "the model cannot be loaded",
    ),
    "a tensor missing": (
        weigh(lambda t: {k: v for k, v in t.items() if "up_proj" not in k}),
        "lacks weights, which would be random numbers: 1, such as .*up_proj.weight",
    ),
    "a tensor too many": (
        weigh(lambda t: t | {"model.extra": torch.ones(3)}),
        "holds weights that its architecture does not have: 1, such as model.extra",
    ),
    "tensors renamed": (
        weigh(lambda t: {f"base.{k}": v for k, v in t.items()}),
        "lacks weights, which would be random numbers: 14",
    ),
    "of another shape": (
        change(CONFIG, vocab_size=700),
        "holds weights of another shape: 1, such as model.embed_tokens.weight",
    ),
    "tied without need": (
        weigh(lambda t: t | {HEAD: t["model.embed_tokens.weight"] + 1}),
        "config.json says tie_word_embeddings, and the weights of the two differ",
    ),
    "untied without a head": (
        change(CONFIG, tie_word_embeddings=False),
        "lacks weights, which would be random numbers: 1, such as lm_head.weight",
    ),
    "not finite": (
        weigh(lambda t: t | {NORM: t[NORM] / 0}),
        "model.norm.weight holds numbers that are not finite",
    ),
    "of whole numbers": (
        weigh(lambda t: t | {NORM: t[NORM].to(torch.int8)}),
        "model.norm.weight holds no floating-point numbers of 16 or 32 bits, but I8",
    ),
    "quantised": (
        change(CONFIG, quantization_config={"quant_method": "unknown"}),
        "the model is quantised",
    ),
    "unknown": (change(CONFIG, model_type="mine"), "the model cannot be loaded"),
    "with code of its own": (
        change(CONFIG, model_type="mine", auto_map={"AutoConfig": "mine.Config"}),
        "the model cannot be loaded: .*custom code",
    ),
    "no JSON": (write(CONFIG, "{"), "the model cannot be loaded: .*not a valid JSON"),
    "without configuration": (remove(CONFIG), "config.json: no such file; is .* the right folder"),
    "unreadable stops": (write("generation_config.json", "{"), "the model cannot be loaded"),
    "stops in words": (
        change("generation_config.json", eos_token_id=["end"]),
        r"eos_token_id \['end'\] are no numbers of tokens",
    ),
    "without tokenizer": (remove("tokenizer.json"), "the tokenizer cannot be loaded"),
    "half a tokenizer": (
        lambda f: os.truncate(f / "tokenizer.json", 3000),
        "the tokenizer cannot be loaded",
    ),
    "a larger vocabulary": (
        enlarge_vocabulary,
        "the tokenizer has 641 tokens and the model embeds 640",
    ),
    "an end token that the model lacks": (
        change(TOKENIZER, eos_token="<|new|>"),
        "the tokenizer has 641 tokens and the model embeds 640",
    ),
    "without end token": (
        change(TOKENIZER, eos_token=None, pad_token=None),
        "the tokenizer has no end token, so that no completion would ever end",
    ),
    "without template": (remove(TEMPLATE), "has no chat template; set prompt.chat: false"),
    "a template that is none": (write(TEMPLATE, "{% if %}"), "cannot write a prompt: Expected"),
    "a template that refuses": (
        write(TEMPLATE, "{{ raise_exception('no user here') }}"),
        "cannot write a prompt: no user here; correct its chat template, or set prompt.chat",
    ),
    "with a short context": (
        change(CONFIG, max_position_embeddings=60),
        "task 'minimbpp/test/1': its prompt of .* tokens and max_completion_tokens 8 are more than "
        "the 60",
    ),
}


@pytest.fixture
def folder(tiny_model, tmp_path):
    return shutil.copytree(tiny_model, tmp_path / "model")


def use(folder, prompt):
    model, tokenizer = load_policy(folder, "float32")
    prompts = {task.task_id: build_prompt(task, prompt) for task in TASKS}
    return model, tokenizer, tokenize_prompts(model, tokenizer, prompts, prompt, 8)


@pytest.mark.parametrize("name", SPOILT)
def test_a_folder_that_is_not_right_is_named(folder, mini_config, name):
    spoil, message = SPOILT[name]
    spoil(folder)
    with pytest.raises(RlvfError, match=message) as error:
        use(folder, mini_config.studies["rlvr"].prompt)
    assert str(folder) in str(error.value) and "\n" not in str(error.value)


def test_what_only_looks_unusual_is_taken(folder, mini_config):
    """Several files, a copy of the tied head, 16 bits, no padding token, right padding."""
    weigh(lambda t: {k: v.bfloat16() for k, v in t.items()})(folder)
    weigh(lambda t: t | {HEAD: t["model.embed_tokens.weight"].clone()})(folder)
    shard(folder, lacking=False)
    change(TOKENIZER, pad_token=None, padding_side="right")(folder)
    model, tokenizer, prompts = use(folder, mini_config.studies["rlvr"].prompt)
    assert model.dtype == torch.float32 and len(prompts) == len(TASKS)
    assert tokenizer.padding_side == "left" and tokenizer.pad_token == tokenizer.eos_token


def test_a_base_model_needs_no_template(folder, mini_config):
    remove(TEMPLATE)(folder)
    use(folder, mini_config.studies["rlvr"].prompt.model_copy(update={"chat": False}))


def test_of_a_models_own_defaults_its_stops_are_kept(folder):
    change("generation_config.json", eos_token_id=[5, 6], top_k=20, repetition_penalty=1.1)(folder)
    model, tokenizer = load_policy(folder, "float32")
    kept = model.generation_config.to_diff_dict()
    assert kept.pop("eos_token_id") == sorted({5, 6, tokenizer.eos_token_id})
    assert kept.keys() <= {"pad_token_id", "transformers_version", "_from_model_config"}
