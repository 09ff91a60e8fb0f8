"""Prepares the environment of a process that trains or generates, so that it changes no result.

torch, transformers, accelerate and similar libraries read hundreds of environment variables. Some
of them silently change what is computed: ACCELERATE_MIXED_PRECISION=bf16 trains in half precision,
and MKL_CBWR and ATEN_CPU_CAPABILITY choose other kernels, which round differently. A result must
depend only on the settings, so these variables are removed. It must not depend on the number of
cores either. A matrix product adds its terms in another order for each number of threads, so only
one thread is used. (On a GPU the processor's threads compute nothing.)
"""

import os
import sys
from collections.abc import MutableMapping

from rlvf.errors import RlvfError

# Variables whose names begin like this belong to the libraries that a stage with a model imports.
_SET_ASIDE = (
    # accelerate takes its defaults for precision, device, distribution and compilation from these
    *("ACCELERATE_", "FSDP_", "DEEPSPEED_", "MEGATRON_LM_", "PARALLELISM_CONFIG_", "FP8_"),
    # launchers set these for several processes, and accelerate would join them
    *("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "NODE_RANK", "GROUP_RANK"),
    *("MASTER_ADDR", "MASTER_PORT", "PMI_", "OMPI_COMM_", "MV2_COMM_", "FORK_LAUNCHED"),
    *("SM_", "SMDATAPARALLEL_"),
    # these are for the hub, which only `rlvf fetch` needs; HF_TOKEN is one of them
    *("HF_", "HUGGINGFACE_", "HUGGING_FACE_", "TRUST_REMOTE_CODE", "DATASETS_"),
    # transformers and similar libraries: attention and kernels, verbosity, parallel tokenizers
    *("TRANSFORMERS_", "USE_", "TOKENIZERS_", "SAFETENSORS_", "TRL_", "PEFT_", "DISABLE_"),
    *("BITSANDBYTES_", "BNB_", "FLASH_ATTENTION_", "VLLM_"),
    # torch: kernels, compilation, loading of checkpoints
    *("TORCH", "PYTORCH_", "ATEN_", "AOT", "TRITON_", "XLA_", "PJRT_"),
    # kernels of processors and GPUs, which round differently
    *("MKL_", "MKLDNN_", "DNNL_", "ONEDNN_", "OMP_", "KMP_", "GOMP_", "OPENBLAS_"),
    *("CUBLAS", "CUDNN_", "NVIDIA_TF32_OVERRIDE", "ROCBLAS_", "MIOPEN_", "HIPBLASLT_"),
)
# These set how a GPU's memory is allocated, which changes no result and which large models need.
_KEPT = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF")
# The user is not told about these: Snakemake sets OMP_NUM_THREADS in every job, to the number of
# cores, and HF_HUB_OFFLINE is set again below.
_NOT_WORTH_A_LINE = ("OMP_NUM_THREADS", "HF_HUB_OFFLINE")
_PROCESSES = ("WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE")


def settle(environment: MutableMapping[str, str] = os.environ) -> None:
    """Change the environment so that it changes no result, and report which variables were removed.
    A stage that computes with a model calls this before it imports the libraries.

    Of several GPUs only the first is left visible, because transformers would spread a batch over
    all that it sees.

    Raises:
        RlvfError: this is one of several processes that a launcher started for the same work.
    """
    for name in _PROCESSES:
        if environment.get(name, "1").strip() not in ("", "0", "1"):
            raise RlvfError(
                f"{name} is {environment[name]}: a stage runs in one process; start it without "
                f"torchrun, accelerate launch or mpirun, or unset {name}"
            )
    found = sorted(
        name for name in environment if name.startswith(_SET_ASIDE) and name not in _KEPT
    )
    for name in found:
        del environment[name]
    if told := [name for name in found if name not in _NOT_WORTH_A_LINE]:
        print(f"set aside, so that they change nothing: {', '.join(told)}", file=sys.stderr)
    environment["OMP_NUM_THREADS"] = "1"
    environment["HF_HUB_OFFLINE"] = "1"
    first, _, _ = environment.get("CUDA_VISIBLE_DEVICES", "0").partition(",")
    environment["CUDA_VISIBLE_DEVICES"] = first
