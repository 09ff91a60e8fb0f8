"""What Snakemake leaves of a run, made by hand."""

import json

import pytest


@pytest.fixture
def write_record(tmp_path):
    """Writes the record of a job as Snakemake does with --benchmark-extended, into `usage`."""

    def write(rule, seconds=60.0, memory=500.0, *, params=None, resources=None, **wildcards):
        folder = tmp_path / "usage" / "/".join(wildcards.values())
        folder.mkdir(parents=True, exist_ok=True)
        record = {
            "rule_name": rule,
            "wildcards": wildcards,
            "params": params or {},
            "threads": 1,
            "resources": resources or {},
            "s": seconds,
            "max_rss": memory,
            "cpu_time": seconds / 2,
        }
        path = folder / f"{rule}.jsonl"
        path.write_text(json.dumps(record) + "\n", encoding="utf-8")
        return path

    return write
