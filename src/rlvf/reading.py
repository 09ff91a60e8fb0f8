"""What a YAML or JSON text says, read strictly: nothing is taken for something else in silence.

YAML 1.1, which most libraries read, takes `no`, `010`, `1:30` and `2026-01-01` for a truth value,
two numbers and a date, `5e-4` for text, and of a key that stands twice the last place. Here
numbers, truth values and null are what JSON has (also written `.5`, `1.`, `True` and `~`),
everything else is text, and so is every key; a key that stands twice in a mapping is an error.
"""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from rlvf.errors import RlvfError

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
# What text without quotes is, in the order in which it is tried.
_PLAIN = {
    "merge": r"<<",
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?(0|[1-9][0-9]*)",
    "float": r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?",
}


def read(path: Path) -> dict[str, Any]:
    """The keys and values of a file.

    Raises:
        RlvfError: it cannot be read or holds something else; names file, line and key.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RlvfError(f"{path}: cannot read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RlvfError(f"{path}: cannot read: it is not text in UTF-8") from error
    return read_mapping(text, str(path))


def read_mapping(text: str, origin: str) -> dict[str, Any]:
    """The keys and values of a text. There are none if it holds nothing but comments.

    Raises:
        RlvfError: it holds something else; names `origin`, line and key.
    """
    value = read_value(text, origin)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RlvfError(f"{origin}: must hold keys and values")
    return value


def read_value(text: str, origin: str) -> Any:
    """What a text says.

    Raises:
        RlvfError: it is not valid; names `origin` and the line.
    """
    try:  # JSON comes first, since some of its escapes mean something else in YAML.
        return json.loads(text, object_pairs_hook=_mapping, parse_constant=_refuse)
    except (ValueError, RecursionError):
        pass
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        problem = ", ".join(filter(None, [error.context, error.problem]))
        raise RlvfError(f"{origin}{line}: not valid YAML: {problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = " ".join(str(error).split())
        raise RlvfError(f"{origin}: not valid YAML: {problem}") from error


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice")  # The YAML reader will name the lines.
    return dict(pairs)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number in JSON")


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}  # noqa: RUF012 PyYAML has it so.

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for number, (key, value) in enumerate(node.value):
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key is text", problem_mark=key.start_mark)
            if key.value in lines:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value!r} stands twice in one mapping, in lines "
                    f"{lines[key.value]} and {line}; keep one of them",
                    problem_mark=key.start_mark,
                )
            lines[key.value] = line
            if key.tag != _MERGE:
                text = yaml.ScalarNode(f"{_TAG}str", key.value, key.start_mark, key.end_mark)
                node.value[number] = text, value
        return node


for _name, _pattern in _PLAIN.items():
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern})\Z"), None)
