"""A process that imports this module gets the memory and the threads of a trainer, in which rewards
are really computed.
"""

from pathlib import Path

import torch
import trl
from transformers import Qwen3Config, Qwen3ForCausalLM

# trl loads a class when it is first asked for.
TRAINER = trl.GRPOTrainer


def _train() -> torch.optim.Optimizer:
    """Take one step with a small model, which the optimizer holds."""
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64}
    shape = {"hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 4, **heads}
    model = Qwen3ForCausalLM(Qwen3Config(vocab_size=4096, **shape))
    optimizer = torch.optim.AdamW(model.parameters())
    tokens = torch.randint(4096, (8, 256))
    model(input_ids=tokens, labels=tokens).loss.backward()
    optimizer.step()
    return optimizer


TRAINED = _train()


def size() -> dict[str, int]:
    """Return the memory and the number of threads of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    memory = int(status["VmRSS"].removesuffix("kB")) >> 10
    return {"memory_mib": memory, "threads": int(status["Threads"])}
