"""What the prompts of all environments have in common: how a model is given them, and what they
leave open. rlvf.environments says what a prompt asks.
"""

from rlvf.settings import PromptSettings

# What Llama 3.2's template writes where it is not told the date.
_LLAMA_DATE = "26 Jul 2024"
# A chat template may leave this open at the end of a prompt, for the completion to go on in.
OPEN_THOUGHT = "<think>\n"

# Text for a base model, and messages for a chat model.
Prompt = str | list[dict[str, str]]


def chat_template_options(settings: PromptSettings) -> dict[str, bool | str]:
    """What every call of a chat template is given; templates ignore what they do not know.

    Qwen3 thinks by default, and a thought is cut off by any sensible completion length. Llama 3
    writes today's date into its prompt, so that equal runs on two days would differ.
    """
    return {"enable_thinking": settings.thinking, "date_string": _LLAMA_DATE}


def tokenize_prompt(tokenizer, prompt: Prompt, settings: PromptSettings) -> list[int]:
    """Token ids of a prompt, exactly as TRL's GRPOTrainer makes them in training."""
    if isinstance(prompt, str):
        return tokenizer(prompt)["input_ids"]
    return tokenizer.apply_chat_template(
        prompt,
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        **chat_template_options(settings),
    )["input_ids"]


def opened_by_prompt(tokenizer, settings: PromptSettings, opening: str) -> str:
    """What each prompt leaves open at its end: a thought, or "". For a base model it is `opening`,
    with which the environment ends a prompt.

    Some chat templates open a thought for the model, which then only closes it.
    """
    if not settings.chat:
        return opening
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": ""}],
        add_generation_prompt=True,
        tokenize=False,
        **chat_template_options(settings),
    )
    return OPEN_THOUGHT if prompt.rstrip().endswith(OPEN_THOUGHT.strip()) else ""
