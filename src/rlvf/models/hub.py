"""Published models: fetched once at a pinned revision, on the machine that has a network."""

import shutil
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from rlvf.config import HubModel
from rlvf.errors import RlvfError
from rlvf.files import atomic_directory

# The weights once, as safetensors; not the copies in other formats that some repositories hold.
_FILES = ["*.json", "*.safetensors", "*.txt", "*.jinja", "tokenizer.model", "LICENSE*"]


def fetch(settings: HubModel, out: Path) -> None:
    """Download a model's files at its revision into `out`. Later stages never use the network.

    The token comes from the environment (HF_TOKEN) or `hf auth login`, as the hub's own tools do.

    Raises:
        RlvfError: the hub refuses or cannot be reached; says what to do.
    """
    where = f"{settings.repo}@{settings.revision[:12]}"
    try:
        with atomic_directory(out) as folder:
            snapshot_download(
                settings.repo,
                revision=settings.revision,
                local_dir=folder,
                allow_patterns=_FILES,
            )
            # The client's notes on a download that could be resumed.
            shutil.rmtree(folder / ".cache")
    except GatedRepoError as error:
        raise RlvfError(
            f"{where} is gated: accept its licence on the model's page, then set HF_TOKEN to a "
            "token of that account and run the same command again"
        ) from error
    except RevisionNotFoundError as error:
        raise RlvfError(
            f"{where}: the hub has no such revision; correct models.*.revision"
        ) from error
    except RepositoryNotFoundError as error:
        raise RlvfError(
            f"{where}: the hub has no such repository, or not for you; correct models.*.repo or "
            "set HF_TOKEN"
        ) from error
    except LocalEntryNotFoundError as error:
        raise RlvfError(
            f"{where}: the hub cannot be reached; run this step on a machine with a network "
            "(it is a local rule) and without HF_HUB_OFFLINE"
        ) from error
    except (HfHubHTTPError, OSError) as error:
        raise RlvfError(
            f"{where}: download failed: {' '.join(str(error).split())[:300]}"
        ) from error
