import pytest
import torch

from rlvf.errors import RlvfError
from rlvf.models.loading import load_model, load_tokenizer
from rlvf.models.mini import pretrain
from rlvf.prompts import chat_template_options, tokenize_prompt
from tests.conftest import tiny_pretrain_settings


@pytest.fixture(params=["qwen3", "llama"])
def tiny_model(request, tiny_models):
    return tiny_models[request.param]


MESSAGES = [{"role": "user", "content": "Say x."}]
RENDERED = {
    "qwen3": "<|im_start|>user\nSay x.<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
    "llama": "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nSay x.<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n",
}


def test_the_chat_markup_is_the_familys_own_without_thinking(tiny_model, mini_config):
    tokenizer = load_tokenizer(tiny_model)
    text = tokenizer.apply_chat_template(
        MESSAGES,
        add_generation_prompt=True,
        tokenize=False,
        **chat_template_options(mini_config.studies["rlvr"].prompt),
    )
    assert text == RENDERED[tiny_model.name]
    assert (
        tokenizer.decode(tokenize_prompt(tokenizer, MESSAGES, mini_config.studies["rlvr"].prompt))
        == text
    )


def test_no_template_writes_the_date_of_the_day_into_the_prompt(tiny_model, mini_config):
    """As Llama 3.2's own template does unless it is given one."""
    tokenizer = load_tokenizer(tiny_model)
    tokenizer.chat_template = (
        "{%- if not date_string is defined %}{%- set date_string = strftime_now('%d %b %Y') %}"
        "{%- endif %}Today Date: {{ date_string }}"
    )
    ids = tokenize_prompt(tokenizer, MESSAGES, mini_config.studies["rlvr"].prompt)
    assert tokenizer.decode(ids) == "Today Date: 26 Jul 2024"


def test_any_text_survives_the_tokenizer(tiny_model):
    tokenizer = load_tokenizer(tiny_model)
    text = "def f(x):\n\treturn 'é☃' + x  # \x7f\n"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_the_architecture_is_the_published_one(tiny_model):
    model = load_model(tiny_model, "float32")
    assert model.config.model_type == tiny_model.name
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight


def test_the_same_seed_gives_the_same_model(mini_config, tmp_path):
    settings = tiny_pretrain_settings(mini_config, "qwen3")
    weights = []
    for name in ("one", "two"):
        pretrain(settings, tmp_path / name)
        weights.append(load_model(tmp_path / name, "float32").state_dict())
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(RlvfError, match=r"config.json: no such file; is .* the right folder"):
        load_model(tmp_path, "float32")
