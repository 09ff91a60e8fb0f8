"""Reads and writes the manifest of a results folder, which tells how each product was made and
has the checksum of every file.

The manifest is a Provenance Run Crate (https://w3id.org/ro/wfrun/provenance): the JSON-LD file
`ro-crate-metadata.json`, which has a CreateAction for each job. The action's instrument is the
stage with the code and the packages that it uses; its objects are the inputs, the slice of the
configuration and the wildcards; its results are the products; its location is the machine. The
workflow's own files are copied beside the products, since a crate must contain what it describes.

A product's checksum is computed once, when the manifest first sees the job that made it. Until the
job runs again, the checksum is copied from the former manifest. `rlvf check` therefore finds a
product that was changed by hand even if the manifest has been written again since, and writing it
again is quick.
"""

import hashlib
import json
import mimetypes
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from rlvf.checksums import FileChecksum, files_of
from rlvf.errors import RlvfError
from rlvf.files import atomic_directory, atomic_writer
from rlvf.layout import LOGS, USAGE
from rlvf.progress import Progress
from rlvf.runs.metadata import Recorded, recorded, recorded_products
from rlvf.runs.place import commit, read_place
from rlvf.runs.usage import Job, read_job

NAME = "ro-crate-metadata.json"
# These folders of the results hold the jobs' logs, what the jobs used, and a copy of the workflow.
WORKFLOW = "workflow"
# These files and folders belong to the results folder but are not products.
KNOWN = (NAME, LOGS, USAGE, "usage.md", "usage.csv")
_SNAKEFILE, _RULES = Path("Snakefile"), Path("workflow/rules")

_WFRUN = "https://w3id.org/ro/wfrun"
_LANGUAGE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
_CONTEXT = [
    "https://w3id.org/ro/crate/1.1/context",
    {
        term: f"https://w3id.org/ro/terms/workflow-run#{term}"
        for term in ("sha256", "resourceUsage")
    },
]
_PROFILES = {
    f"{_WFRUN}/process/0.5": "Process Run Crate",
    f"{_WFRUN}/workflow/0.5": "Workflow Run Crate",
    f"{_WFRUN}/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
_USAGE = "https://snakemake.readthedocs.io/en/stable/snakefiles/rules.html#benchmark-rules"

# This is Python's own table, since the systems' tables differ from each other.
_KNOWN = mimetypes.MimeTypes()
_MEDIA_TYPES = {
    ".jsonl": "application/jsonl",
    ".smk": "text/x-snakemake",
    "any": "application/octet-stream",
}

Entity = dict[str, Any]


# ---------------------------------------------------------------- reading


def read_products(results: Path) -> dict[str, dict[str, FileChecksum]]:
    """Return the products that a results folder's manifest names, each with its files. A product
    that is a file has itself, one that is a folder has the files of that folder. All paths are
    relative to the results folder.

    Raises:
        RlvfError: there is no manifest, or it cannot be read.
    """
    entities = _read(results)
    folders = {
        key: [part["@id"] for part in _listed(one.get("hasPart", []))]
        for key, one in entities.items()
        if one["@type"] == "Dataset" and key != "./"
    }
    within = {key for keys in folders.values() for key in keys}
    files = {
        key: [key]
        for key, one in entities.items()
        if "File" in _listed(one["@type"]) and key not in within
    }
    return {
        unquote(product): {unquote(key): _checksum(entities[key]) for key in keys}
        for product, keys in (folders | files).items()
    }


def _checksum(entity: Entity) -> FileChecksum:
    return FileChecksum(size=int(entity["contentSize"]), sha256=entity["sha256"])


def _read(results: Path) -> dict[str, Entity]:
    path = results / NAME
    if not path.exists():
        raise RlvfError(
            f"{path}: is not there; a run of Snakemake writes it at its end, or by hand: "
            f"rlvf manifest {results}"
        )
    try:
        return {entity["@id"]: entity for entity in json.loads(path.read_bytes())["@graph"]}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise RlvfError(
            f"{path}: cannot be read as a manifest ({type(error).__name__}: {error}); without it "
            "nothing is known of the files: take it from a copy, or delete it and write a new one, "
            f"of the files as they are now: rlvf manifest {results}"
        ) from error


# ---------------------------------------------------------------- writing


def write_manifest(results: Path) -> None:
    """Write the manifest of what Snakemake has made under `results`. Call it in the folder in which
    Snakemake ran.

    Raises:
        RlvfError: Snakemake has made nothing there; its record of a product or the former manifest
            cannot be read; the folder cannot be written.
    """
    jobs = jobs_of(results)
    if not jobs:
        raise RlvfError(f"{results}: Snakemake has made nothing there; name a folder of results")
    before = _read(results) if (results / NAME).exists() else {}
    _copy_workflow(results)
    crate = _Crate(results, before)
    crate.add_workflow()
    for name, products in crate.progress(jobs):
        crate.add_products(name, products)
    for name, products in jobs.items():
        crate.add_job(name, products)
    with atomic_writer(results / NAME) as file:
        json.dump(crate.document(), file, indent=1, ensure_ascii=False)
        file.write("\n")


def jobs_of(results: Path) -> dict[str, list[Recorded]]:
    """Return Snakemake's records of each job's products in this results folder, as far as the
    products exist. A job is named by its log, which no other job has: the log's path under logs/
    without `.log`."""
    jobs = defaultdict(list)
    for product in map(recorded, recorded_products()):
        log = product.log and Path(product.log)
        if log and log.is_relative_to(results / LOGS) and Path(product.product).exists():
            jobs[str(log.relative_to(results / LOGS).with_suffix(""))].append(product)
    return dict(sorted(jobs.items()))


def _copy_workflow(results: Path) -> None:
    try:
        sources = [_SNAKEFILE, *sorted(_RULES.glob("*.smk"))]
        texts = {source: source.read_text(encoding="utf-8") for source in sources}
    except OSError as error:
        raise RlvfError(
            f"{error.filename}: cannot read: {error.strerror}; call this where Snakemake runs"
        ) from error
    with atomic_directory(results / WORKFLOW) as folder:
        for source, text in texts.items():
            # The paths are those of the checkout, so that the Snakefile finds what it includes.
            path = folder / source
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


class _Crate:
    """Collects the entities of the manifest by their identifiers. `before` has the entities of the
    former manifest."""

    def __init__(self, results: Path, before: dict[str, Entity]):
        self.results, self.before = results, before
        self.entities: dict[str, Entity] = {}
        self.tools: set[str] = set()
        self.actions: list[Entity] = []
        # Maps a product's path, as Snakemake spells it, to the identifier of its entity.
        self.products: dict[str, str] = {}

    def progress(self, jobs: dict[str, list[Recorded]]) -> Iterator[tuple[str, list[Recorded]]]:
        return Progress("manifest", len(jobs)).count(jobs.items())

    # ------------------------------------------------ files

    def add_workflow(self) -> None:
        folder = self.results / WORKFLOW
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            self._add_file(path)

    def add_products(self, name: str, products: list[Recorded]) -> None:
        """Add the files of a job's products, with the former checksums if it has not run since."""
        former = self.before.get(_identity_of_job(name), {})
        as_before = (former.get("startTime"), former.get("endTime")) == _times(products)
        for product in products:
            path = Path(product.product)
            if not path.is_relative_to(self.results):
                continue
            identity = self._identity(path)
            if as_before and identity in self.before:
                self._carry_over(identity)
            elif path.is_dir():
                self._add_folder(path)
            else:
                self._add_file(path)
            self.products[product.product] = identity

    def _carry_over(self, identity: str) -> None:
        entity = self.entities[identity] = self.before[identity]
        for part in _listed(entity.get("hasPart", [])):
            self.entities[part["@id"]] = self.before[part["@id"]]

    def _add_folder(self, path: Path) -> None:
        parts = [self._add_file(file) for file in files_of(path)]
        self._add({"@id": self._identity(path), "@type": "Dataset", "hasPart": parts})

    def _add_file(self, path: Path) -> Entity:
        checksum = FileChecksum.of(path)
        return self._add(
            {
                "@id": self._identity(path),
                "@type": "File",
                "contentSize": str(checksum.size),
                "sha256": checksum.sha256,
                "encodingFormat": _media_type(path),
            }
        )

    def _identity(self, path: Path) -> str:
        return quote(str(path.relative_to(self.results))) + ("/" if path.is_dir() else "")

    # ------------------------------------------------ jobs

    def add_job(self, name: str, products: list[Recorded]) -> None:
        first = products[0]
        job = self._recorded(name)
        start, end = _times(products)
        action = {
            "@id": _identity_of_job(name),
            "@type": "CreateAction",
            "name": f"{first.rule} {name}",
            "description": first.command,
            "instrument": self._tool(first),
            "object": [
                *(self._input(path, first.checksums.get(path)) for path in first.inputs),
                *self._settings(first, job),
            ],
            "result": [
                _reference(self.products.get(one.product) or self._outside(one.product, None))
                for one in products
            ],
            "startTime": start,
            "endTime": end,
            "actionStatus": "http://schema.org/CompletedActionStatus",
        }
        if job:
            action["resourceUsage"] = list(self._usage(name, job))
        if place := read_place(self.results / LOGS / f"{name}.log"):
            values = place.model_dump(exclude_none=True)
            action["location"] = self._add(
                {
                    "@id": _local("place", place.host, _short_checksum(place.model_dump_json())),
                    "@type": "Place",
                    "name": place.host,
                    "additionalProperty": [self._value(*item) for item in values.items()],
                }
            )
        self._add(action)
        self.actions.append(action)

    def _recorded(self, name: str) -> Job | None:
        """Return what the job used, from Snakemake's record of it, which is named like its log."""
        with suppress(RlvfError):
            return read_job(self.results / USAGE / f"{name}.jsonl")
        return None

    def _tool(self, product: Recorded) -> Entity:
        """Add the stage with the code and packages that made the product (see rlvf.stamps)."""
        stamps = [text for value in product.params if isinstance(value, list) for text in value]
        version = _short_checksum("\n".join(stamps))
        packages = [self._package(text) for text in stamps if "@" not in text]
        code = [self._code(text) for text in stamps if "@" in text]
        tool = {
            "@id": _local(product.rule, version),
            "@type": "SoftwareApplication",
            "name": product.rule,
            "softwareVersion": version,
        }
        if stamps:
            tool |= {"softwareRequirements": packages, "hasPart": code}
        self.tools.add(tool["@id"])
        return self._add(tool)

    def _code(self, text: str) -> Entity:
        name, _, version = text.partition("@")
        return self._add(
            {"@id": _local(text), "@type": "SoftwareSourceCode", "name": name, "version": version}
        )

    def _package(self, text: str) -> Entity:
        name, _, version = text.partition("==")
        package = {"@id": _local(text), "@type": "SoftwareApplication", "name": name}
        return self._add(package | ({"softwareVersion": version} if version else {}))

    def _input(self, path: str, checksum: str | None) -> Entity:
        """Refer to a file that a job read. A product that has changed since is not what the job
        read, so it is then described apart from the product."""
        sha256 = checksum.removeprefix("sha256:") if checksum else None
        identity = self.products.get(path)
        if identity and sha256 in (None, self.entities[identity].get("sha256")):
            return _reference(identity)
        return _reference(self._outside(path, sha256))

    def _outside(self, path: str, sha256: str | None) -> str:
        """Add something that is not a file of this crate; return its identifier."""
        entity = {"@type": "CreativeWork", "name": path}
        if sha256:
            entity["sha256"] = sha256
        identity = _local(path, *([sha256[:12]] if sha256 else []))
        return self._add({"@id": identity, **entity})["@id"]

    def _settings(self, product: Recorded, job: Job | None) -> Iterator[Entity]:
        """Add the parameters, by the names that they have in the benchmark file, the wildcards and
        the resources that the job asked for."""
        names = {str(value): name for name, value in (job.params if job else {}).items()}
        for value in product.params:
            if value and not isinstance(value, list):
                yield self._value(names.get(str(value), "parameter"), str(value))
        if job:
            for name, value in job.wildcards.items():
                yield self._value(name, value)
            asked = {k: v for k, v in job.resources.items() if k[0] != "_" and k != "tmpdir"}
            yield self._value("resources", json.dumps(asked | {"threads": job.threads}))

    def _value(self, name: str, value: str) -> Entity:
        key = value if len(value) < 40 else _short_checksum(value)
        return self._add(
            {"@id": _local(name, key), "@type": "PropertyValue", "name": name, "value": value}
        )

    def _usage(self, name: str, job: Job) -> Iterator[Entity]:
        used = {
            "s": (job.seconds, "SEC"),
            "max_rss": (job.memory_mb, "4L"),
            "cpu_time": (job.cpu_seconds, "SEC"),
        }
        for quantity, (value, unit) in used.items():
            if value is not None:
                yield self._add(
                    {
                        "@id": _local(name, quantity),
                        "@type": "PropertyValue",
                        "name": quantity,
                        "propertyID": _USAGE,
                        "unitCode": unit,
                        "value": str(value),
                    }
                )

    # ------------------------------------------------ the whole

    def document(self) -> Entity:
        workflow = f"{WORKFLOW}/{_SNAKEFILE}"
        run = self._run(workflow)
        end = run["endTime"]
        self._add(run)
        self.entities[workflow] |= {
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "name": "rlvf",
            "programmingLanguage": self._add(
                {
                    "@id": _LANGUAGE,
                    "@type": "ComputerLanguage",
                    "name": "Snakemake",
                    "url": "https://snakemake.readthedocs.io",
                }
            ),
            "hasPart": _references(sorted(self.tools)),
        }
        if version := commit():
            self.entities[workflow]["version"] = version
        for identity, name in _PROFILES.items():
            version = identity.rpartition("/")[2]
            self._add({"@id": identity, "@type": "CreativeWork", "name": name, "version": version})
        data = [
            key for key, one in self.entities.items() if "contentSize" in one or "hasPart" in one
        ]
        root = {
            "@id": "./",
            "@type": "Dataset",
            "name": f"Results of rlvf in {self.results}",
            "description": "What the workflow has made, and how: a CreateAction for each job.",
            "datePublished": end,
            "license": self._add(
                {"@id": "https://spdx.org/licenses/MIT", "@type": "CreativeWork", "name": "MIT"}
            ),
            "conformsTo": _references(_PROFILES),
            "mainEntity": _reference(workflow),
            "hasPart": _references(
                sorted(key for key in data if self.entities[key]["@type"] != "SoftwareApplication")
            ),
            "mentions": [_reference(run["@id"]), *map(_reference_to, self.actions)],
        }
        descriptor = {
            "@id": NAME,
            "@type": "CreativeWork",
            "conformsTo": _references(["https://w3id.org/ro/crate/1.1", list(_PROFILES)[-1]]),
            "about": _reference("./"),
        }
        rest = [self.entities[key] for key in sorted(self.entities)]
        return {
            "@context": _CONTEXT,
            "@graph": [_compacted(entity) for entity in [descriptor, root, *rest]],
        }

    def _run(self, workflow: str) -> Entity:
        """Return one action for all runs of the workflow together. It has as objects what no job
        made, and as results what no job read."""
        read = {one["@id"] for action in self.actions for one in action["object"]}
        made = {one["@id"] for action in self.actions for one in action["result"]}
        inputs = [key for key in read - made if self.entities[key]["@type"] == "CreativeWork"]
        return {
            "@id": "#run",
            "@type": "CreateAction",
            "name": "Runs of the workflow",
            "instrument": _reference(workflow),
            "object": _references(sorted(inputs)),
            "result": _references(sorted(made - read)),
            "startTime": min(action["startTime"] for action in self.actions),
            "endTime": max(action["endTime"] for action in self.actions),
        }

    def _add(self, entity: Entity) -> Entity:
        """Add an entity if there is none of its identifier yet; return a reference to it."""
        self.entities.setdefault(entity["@id"], entity)
        return _reference_to(entity)


def _compacted(entity: Entity) -> Entity:
    """Replace each list of one element by the element, as RO-Crate wants it."""
    return {
        key: value[0] if isinstance(value, list) and len(value) == 1 else value
        for key, value in entity.items()
    }


def _listed(value: Any) -> list:
    return value if isinstance(value, list) else [value]


def _reference(identity: str) -> Entity:
    return {"@id": identity}


def _reference_to(entity: Entity) -> Entity:
    return _reference(entity["@id"])


def _references(identities: Iterable[str]) -> list[Entity]:
    return [_reference(identity) for identity in identities]


def _identity_of_job(name: str) -> str:
    return _local("job", name)


def _local(*parts: str) -> str:
    """Return the identifier of something that is described in the manifest but is not a file."""
    return "#" + quote("/".join(parts), safe="/=@")


def _times(products: list[Recorded]) -> tuple[str, str]:
    start, end = min(one.start for one in products), max(one.end for one in products)
    return tuple(
        datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds")
        for time in (start, end)
    )


def _media_type(path: Path) -> str:
    return _MEDIA_TYPES.get(path.suffix) or _KNOWN.guess_type(path.name)[0] or _MEDIA_TYPES["any"]


def _short_checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
