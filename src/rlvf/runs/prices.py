"""Models how long a job takes and what it leaves on disk, before any job has run.

The model of a job's time and disk assumes, for a language model with N parameters:

- Prompts have 200 tokens. A batch decodes until its longest completion ends, which is assumed to
  have `max_completion_tokens`; the average completion has half as many.
- The forward pass takes 2 N FLOP a token (Kaplan et al. 2020, arXiv 2001.08361). A step of training
  takes 4 N a token, forwards and backwards without the gradients of the frozen weights, 2 N more
  with gradient checkpointing, and 2 N for the old policy's probabilities, on padded sequences. A
  step of pretraining takes 6 N.
- Decoding a token for a batch reads all weights once. It takes as long as reading them or as its
  FLOP, whichever is longer, and never less than the shortest step of the GPU or processor, which
  decides for small models. The cache of keys and values is not counted.
- A GPU sustains 80 TFLOP/s and 1.2 TB/s: a quarter of an A100's 312 TFLOP/s in bfloat16 and 60 % of
  its 2 TB/s (NVIDIA's data sheet). Its shortest step is 40 ms, because PyTorch launches some
  thousand kernels for each token (24 tokens/s of Qwen3-0.6B in transformers, batch 1, by
  github.com/FIlipHand/model_inference). A processor's core sustains 50 GFLOP/s and 10 GB/s, and its
  shortest step is 10 ms; these values were set by hand to match a run at mini scale.
- A core runs 100 candidates a second. This is less than half of what speed/results.md
  measures, because some of a policy's candidates loop without end.
- A job takes 10 s to start with a model and 2 s without one. A download has 50 MB/s. Everything
  else is assumed to be quick.
- The disk holds the weights; an adapter, with 0.1 % of N for each rank in float32; a checkpoint
  three times as large (weights and Adam's two moments); 500 bytes for each optimiser step; 8 bytes
  for each token of a completion; and 400 bytes for each record of a kept rollout, an execution, a
  lint by Ruff and a sample.
"""

from dataclasses import dataclass, replace

from rlvf.config import Config, GenerateSettings, PretrainSettings, TrainSettings
from rlvf.errors import RlvfError
from rlvf.models.catalogue import HubModel
from rlvf.settings import Section


@dataclass(frozen=True)
class Device:
    """What a device sustains, in FLOP/s and bytes/s, and its shortest step of decoding in
    seconds."""

    flops: float
    bandwidth: float
    step: float


GPU = Device(flops=80e12, bandwidth=1.2e12, step=0.04)
CORE = Device(flops=50e9, bandwidth=10e9, step=0.01)
PROMPT_TOKENS = 200
CANDIDATES_PER_CORE_SECOND = 100
START_WITH_MODEL, START = 10.0, 2.0
DOWNLOAD = 50e6
ADAPTER_SHARE_PER_RANK = 0.001
CHECKPOINT_ADAPTERS = 3
TOKEN_BYTES, RECORD_BYTES, STEP_BYTES = 8, 400, 500

NOTE = f"""\
Modelled times are good to a factor of 2 or 3. Assumed:
a GPU: {GPU.flops / 1e12:.0f} TFLOP/s, {GPU.bandwidth / 1e12:.1f} TB/s sustained, at least \
{GPU.step * 1e3:.0f} ms for each token of a batch; a core: {CORE.flops / 1e9:.0f} GFLOP/s,
{CORE.bandwidth / 1e9:.0f} GB/s, {CORE.step * 1e3:.0f} ms, {CANDIDATES_PER_CORE_SECOND} \
candidates/s; prompts of {PROMPT_TOKENS} tokens, batches that decode to the limit;
{START_WITH_MODEL:.0f} s to start with a model, {START:.0f} s without; \
{DOWNLOAD / 1e6:.0f} MB/s from the hub.
Not counted: waiting in queues, jobs' logs, Python's packages.
"""

_DTYPE_BYTES = {"float32": 4, "bfloat16": 2}


@dataclass(frozen=True)
class Work:
    """What a job has to do. `settings` are those that its stage is given, if its time depends on
    them; `model` is the model's name in the configuration, if there is one; `completions` is the
    number of completions that the job makes or reads. It holds so many `gpus` and `cores`."""

    rule: str
    model: str | None
    settings: Section | None
    completions: int
    gpus: int
    cores: int


def seconds_of(work: Work, config: Config) -> float:
    """Return how long the work takes.

    Raises:
        RlvfError: a model does not say its parameters.
    """
    # A job computes on one GPU, even if it holds several.
    device = GPU if work.gpus else replace(CORE, flops=CORE.flops * work.cores)
    match work.settings:
        case HubModel():
            return START + _weights(work, config) / DOWNLOAD
        case PretrainSettings(model=model):
            tokens = model.steps * model.batch_size * PROMPT_TOKENS
            return START_WITH_MODEL + 6 * model.parameters * tokens / device.flops
        case TrainSettings(training=training):
            parameters = _parameters(work.model, config)
            batch, limit = training.generation_batch_size, training.max_completion_tokens
            flop = parameters * (8 if training.gradient_checkpointing else 6)
            update = flop * batch * (PROMPT_TOKENS + limit) / device.flops
            generation = _decode_seconds(batch, limit, _weights(work, config), parameters, device)
            reward = _execute_seconds(batch, work.cores) if work.settings.sandbox else 0
            return START_WITH_MODEL + training.generations * (generation + reward + update)
        case GenerateSettings(decoding=decoding):
            batch = _decode_seconds(
                decoding.batch_size,
                decoding.max_completion_tokens,
                _weights(work, config),
                _parameters(work.model, config),
                device,
            )
            return START_WITH_MODEL + batch * work.completions / decoding.batch_size
    executed = work.completions if work.rule == "execute" else 0
    return START + _execute_seconds(executed, work.cores)


def _decode_seconds(
    batch: int, tokens: int, weights: float, parameters: int, device: Device
) -> float:
    """Return the seconds for decoding `tokens` tokens after each prompt of a batch; `weights` is in
    bytes."""
    flop = 2 * parameters * batch
    step = max(device.step, weights / device.bandwidth, flop / device.flops)
    return flop * PROMPT_TOKENS / device.flops + tokens * step


def _execute_seconds(candidates: int, cores: int) -> float:
    return candidates / (cores * CANDIDATES_PER_CORE_SECOND)


def _parameters(name: str, config: Config) -> int:
    parameters = config.models[name].parameters
    if parameters is None:
        raise RlvfError(
            f"models.{name}.parameters: the plan needs to know how many parameters the model has; "
            "state it as on the model's page"
        )
    return parameters


def _weights(work: Work, config: Config) -> float:
    """Return the size of the model's weights in bytes."""
    return _parameters(work.model, config) * _DTYPE_BYTES[config.models[work.model].dtype]


def disk_of(work: Work, config: Config) -> float:
    """Return how many bytes a job leaves on disk.

    Raises:
        RlvfError: see `seconds_of`.
    """
    match work.settings:
        case HubModel() | PretrainSettings():
            return _weights(work, config)
        case TrainSettings(training=training):
            rank, kept = training.lora.r, len(training.adapters)
            adapter = 4 * ADAPTER_SHARE_PER_RANK * rank * _parameters(work.model, config)
            rollouts = training.generations * training.rollouts_kept_per_generation
            text = _completion_bytes(training.max_completion_tokens)
            log = training.optimizer_steps * STEP_BYTES + rollouts * (text + RECORD_BYTES)
            return adapter * (kept + CHECKPOINT_ADAPTERS) + log
        case GenerateSettings(decoding=decoding):
            return work.completions * _completion_bytes(decoding.max_completion_tokens)
    return work.completions * RECORD_BYTES


def _completion_bytes(limit: int) -> float:
    return TOKEN_BYTES * limit / 2
