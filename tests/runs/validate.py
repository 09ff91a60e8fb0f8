"""Check a crate with the RO-Crate community's validator, without network: `validate.py FOLDER`.

A program of its own, since the validator needs other versions of packages than rlvf does.

The context of RO-Crate is put into the validator's cache from the package `rocrate`.
"""

import json
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from requests import Request
from requests_cache import CachedResponse, CachedSession
from rocrate_validator import services

_CONTEXT = "https://w3id.org/ro/crate/1.1/context"


def _fill_cache(path: Path) -> None:
    cache = CachedSession(str(path), backend="sqlite").cache
    cache.responses[cache.create_key(Request("GET", _CONTEXT))] = CachedResponse(
        status_code=200,
        url=_CONTEXT,
        headers={"Content-Type": "application/ld+json"},
        content=files("rocrate").joinpath("data/ro-crate.jsonld").read_bytes(),
    )


def main(crate: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "http"
        _fill_cache(cache)
        result = services.validate(
            services.ValidationSettings(
                rocrate_uri=crate,
                profile_identifier="provenance-run-crate-0.5",
                requirement_severity="REQUIRED",
                cache_path=str(cache),
                offline=True,
            )
        )
    issues = [
        {"check": issue.check.identifier, "entity": issue.violatingEntity, "message": issue.message}
        for issue in result.get_issues()
    ]
    json.dump(issues, sys.stdout, indent=1, default=str)
    return bool(issues)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
