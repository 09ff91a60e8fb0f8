import shutil

import pytest

from rlvf.benchmarks import minimbpp
from rlvf.benchmarks.minimbpp import load
from rlvf.config import DecodingSettings, GenerateSettings
from rlvf.environments import program
from rlvf.generation import generate
from rlvf.models.loading import load_tokenizer

TASKS = load(minimbpp.Settings(), "test")[:5]


@pytest.fixture
def settings(mini_config):
    def settings(seed=1, **decoding):
        fields = {"temperature": 0.0, "top_p": 1.0, "top_k": 0, "samples": 1}
        fields |= {"max_completion_tokens": 12, "batch_size": 4}
        return GenerateSettings(
            seed=seed,
            prompt=mini_config.studies["rlvr"].prompt,
            decoding=DecodingSettings(**(fields | decoding)),
            dtype="float32",
        )

    return settings


def write(model, settings):
    return generate(model, None, program, TASKS, settings)


def texts(completions):
    return [completion.completion for completion in completions]


def test_every_task_and_sample_is_there_in_order(tiny_model, settings):
    done = write(tiny_model, settings(temperature=1.0, samples=3))
    assert [(c.task_id, c.sample_id) for c in done] == [
        (task.task_id, sample) for task in TASKS for sample in range(3)
    ]


def test_greedy_is_the_same_for_every_seed_and_batch_size(tiny_model, settings):
    runs = [
        write(tiny_model, settings(seed, batch_size=size))
        for seed, size in ((1, 4), (2, 4), (1, 1))
    ]
    assert texts(runs[0]) == texts(runs[1]) == texts(runs[2])


def test_sampling_follows_the_seed(tiny_model, settings):
    runs = [
        texts(write(tiny_model, settings(seed, temperature=1.0, samples=2))) for seed in (1, 1, 2)
    ]
    assert runs[0] == runs[1] != runs[2]


def test_tokens_and_finish_reason_are_those_of_the_text(tiny_model, settings):
    tokenizer = load_tokenizer(tiny_model)
    done = write(tiny_model, settings(temperature=2.0, samples=40, max_completion_tokens=12))
    assert {completion.finish_reason for completion in done} == {"length", "stop"}
    for completion in done:
        if completion.finish_reason == "length":
            assert completion.tokens == 12
        else:
            assert 1 <= completion.tokens <= 12
        assert not any(token in completion.completion for token in tokenizer.all_special_tokens)


def test_no_code_is_taken_from_a_thought_that_the_prompt_opened(tiny_model, settings, tmp_path):
    thinker = shutil.copytree(tiny_model, tmp_path / "thinker")
    with open(thinker / "chat_template.jinja", "a", encoding="utf-8") as template:
        template.write("{{ '<think>' }}")
    said, thought = (write(model, settings(temperature=1.0)) for model in (tiny_model, thinker))
    assert any(one.code for one in said)
    assert not any(one.code for one in thought)
