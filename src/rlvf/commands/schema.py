"""Print a JSON schema of the configuration, with which editors check and complete its files."""

import argparse
import json
from typing import Any

from rlvf.config import Config

FOR_PEOPLE = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "config.yaml and config/mini.yaml name the file: rlvf schema > config.schema.json"
    )


def run(options: argparse.Namespace) -> None:
    print(json.dumps(_of_any_file(Config.model_json_schema()), indent=1))


def _of_any_file(schema: Any) -> Any:
    """Relax the schema, which is that of all configuration files together, so that it fits each
    single file. A file may leave out any key that another file has, even the key that tells the
    kind of a section."""
    if isinstance(schema, list):
        return [_of_any_file(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    renamed = {"oneOf": "anyOf"}
    return {
        renamed.get(key, key): _of_any_file(value)
        for key, value in schema.items()
        if not (key == "required" and isinstance(value, list))
    }
