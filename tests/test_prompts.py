from rlvf.models.loading import load_tokenizer
from rlvf.prompts import OPEN_THOUGHT, opened_by_prompt
from rlvf.settings import PromptSettings


def test_what_a_prompt_leaves_open_is_seen_from_its_template(tiny_model):
    tokenizer = load_tokenizer(tiny_model)
    chat = PromptSettings(tests_shown=0, chat=True, thinking=True)
    assert opened_by_prompt(tokenizer, chat, "Answer: ") == ""
    tokenizer.chat_template += "{{ '<think>\\n' if enable_thinking else '<think></think>' }}"
    assert opened_by_prompt(tokenizer, chat, "Answer: ") == OPEN_THOUGHT
    without = chat.model_copy(update={"thinking": False})
    assert opened_by_prompt(tokenizer, without, "Answer: ") == ""
    base = chat.model_copy(update={"chat": False})
    assert opened_by_prompt(tokenizer, base, "Answer: ") == "Answer: "
