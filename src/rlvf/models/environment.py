"""The environment of a process that trains or generates: nothing in it changes a result.

torch, transformers, accelerate and their like read hundreds of environment variables. Some of them
change what is computed without a word: ACCELERATE_MIXED_PRECISION=bf16 trains in half precision,
MKL_CBWR and ATEN_CPU_CAPABILITY choose other kernels, which round differently. What a result
depends on stands in the settings, so these variables are set aside. Nor does a result depend on the
number of cores: a matrix product over several threads adds up in another order for each number of
them, so there is one thread. (On a GPU the processor's threads compute nothing.)
"""

import os
import sys
from collections.abc import MutableMapping

from rlvf.errors import RlvfError

# Of the libraries that a stage with a model imports, by the beginning of the name.
_SET_ASIDE = (
    # accelerate: precision, device, distribution, compilation, all by default from here
    *("ACCELERATE_", "FSDP_", "DEEPSPEED_", "MEGATRON_LM_", "PARALLELISM_CONFIG_", "FP8_"),
    # launchers of several processes, of which accelerate would take part in one
    *("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "NODE_RANK", "GROUP_RANK"),
    *("MASTER_ADDR", "MASTER_PORT", "PMI_", "OMPI_COMM_", "MV2_COMM_", "FORK_LAUNCHED"),
    *("SM_", "SMDATAPARALLEL_"),
    # the hub and what is fetched from it: a stage reads folders; HF_TOKEN is for fetching alone
    *("HF_", "HUGGINGFACE_", "HUGGING_FACE_", "TRUST_REMOTE_CODE", "DATASETS_"),
    # transformers and its like: attention and kernels, verbosity, parallel tokenizers
    *("TRANSFORMERS_", "USE_", "TOKENIZERS_", "SAFETENSORS_", "TRL_", "PEFT_", "DISABLE_"),
    *("BITSANDBYTES_", "BNB_", "FLASH_ATTENTION_", "VLLM_"),
    # torch: kernels, compilation, loading of checkpoints
    *("TORCH", "PYTORCH_", "ATEN_", "AOT", "TRITON_", "XLA_", "PJRT_"),
    # kernels of processors and GPUs, which round differently
    *("MKL_", "MKLDNN_", "DNNL_", "ONEDNN_", "OMP_", "KMP_", "GOMP_", "OPENBLAS_"),
    *("CUBLAS", "CUDNN_", "NVIDIA_TF32_OVERRIDE", "ROCBLAS_", "MIOPEN_", "HIPBLASLT_"),
)
# Where a GPU's memory comes from changes no result, and large models need it.
_KEPT = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF")
# Snakemake sets it in every job, to the number of cores.
_NOT_WORTH_A_LINE = ("OMP_NUM_THREADS", "HF_HUB_OFFLINE")
_PROCESSES = ("WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE")


def settle(environment: MutableMapping[str, str] = os.environ) -> None:
    """Make the environment such that it changes no result, and say which variables it had that
    could have. For a stage that computes with a model, before it imports the libraries.

    Of several GPUs one is used: transformers would spread a batch over all that it sees.

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
