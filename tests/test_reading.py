"""How configuration, settings and claims are read: what YAML would take for something else."""

import pytest

from rlvf.errors import RlvfError
from rlvf.reading import read, read_mapping, read_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5e-4", 5e-4),
        ("1e-05", 1e-5),
        ("5.0E-4", 5e-4),
        (".5", 0.5),
        ("1.", 1.0),
        ("-3", -3),
        ("+2", 2),
        ("0", 0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("[1, 2.0, a]", [1, 2.0, "a"]),
        ('{"a": [1e-05, "1"]}', {"a": [1e-5, "1"]}),
        ('"\\ud83d\\ude00"', "\U0001f600"),  # as JSON writes it
        ("'5'", "5"),
        ("{'a': True}", {"a": True}),
    ],
)
def test_numbers_truth_values_and_null_are_those_of_json(text, value):
    found = read_value(text, "here")
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    [
        *("yes", "no", "on", "off", "y", "010", "00.5", "0x10", "0o10", "1_000", "1:30", "1e"),
        *("2026-01-01", "1.2.3", ".inf", "-.inf", ".nan", "NaN", "Infinity", "="),
    ],
)
def test_everything_else_is_text(text):
    assert read_value(text, "here") == text
    assert read_mapping(f"key: {text}", "here") == {"key": text}


@pytest.mark.parametrize("key", ["on", "no", "1", "null", "~", "1e3", "2026-01-01", "true"])
def test_keys_are_text(key):
    assert read_mapping(f"{key}: 1", "here") == {key: 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeds: [1]\nother: 1\nseeds: [2]", "here:3: .*'seeds' stands twice .* lines 1 and 3"),
        ("a:\n  b:\n    c: 1\n    d: 2\n    c: 3", "here:5: .*'c' stands twice .* lines 3 and 5"),
        ("- {a: 1, 'a': 2}", "here:1: .*'a' stands twice"),
        ('{"a": 1,\n "b": {"c": 1,\n "c": 1}}', "here:3: .*'c' stands twice .* lines 2 and 3"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n  <<: *x", "here:4: .*'<<' stands twice"),
        ("1: a\n'1': b", "here:2: .*'1' stands twice"),
    ],
)
def test_a_key_that_stands_twice_is_named_with_its_lines(text, message):
    with pytest.raises(RlvfError, match=message) as error:
        read_value(text, "here")
    assert "\n" not in str(error.value)


def test_anchors_and_merge_keys_are_taken(tmp_path):
    text = "a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\ne: *x\nf:\n  <<: [*x, {c: 5, g: 6}]\n"
    found = read_mapping(text, "here")
    assert found["d"] == {"b": 1, "c": 3}
    assert found["e"] == {"b": 1, "c": 2}
    assert found["f"] == {"b": 1, "c": 2, "g": 6}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"- a\n", "must hold keys and values"),
        (b"a: 1\n---\na: 2\n", ":2: not valid YAML: .*another document"),
        (b"a:\n\tb: 1\n", r":2: not valid YAML: .*'\\t'"),
        (b"a: [1\n", "not valid YAML"),
        (b"a: b: c\n", ":1: not valid YAML: mapping values are not allowed here"),
        (b"? [a]\n: 1\n", ":1: not valid YAML: a key is text"),
        (b"a: *b\n", ":1: not valid YAML: found undefined alias"),
        (b"a: !!python/name:os.system x\n", ":1: not valid YAML: could not determine"),
        (b"a: \x00\n", "not valid YAML"),
        (b"a: \xe9\n", "cannot read: it is not text in UTF-8"),
        ("a: 1\n".encode("utf-16"), "cannot read: it is not text in UTF-8"),
        (b"a: " + b"[" * 5000, "not valid YAML"),
        (b"a: " + b"9" * 5000, "not valid YAML"),
        (b'{"a": 1,}{', "not valid YAML"),
    ],
)
def test_a_file_of_something_else_is_named_in_one_line(tmp_path, content, message):
    (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(RlvfError, match=rf"x\.yaml.*{message}") as error:
        read(tmp_path / "x.yaml")
    assert "\n" not in str(error.value)


def test_a_mark_of_the_byte_order_is_no_part_of_the_first_key(tmp_path):
    (tmp_path / "x.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read(tmp_path / "x.yaml") == {"a": 1}


def test_a_file_that_is_not_there_or_a_folder_is_named(tmp_path):
    with pytest.raises(RlvfError, match=r"x\.yaml: cannot read: No such file"):
        read(tmp_path / "x.yaml")
    with pytest.raises(RlvfError, match="cannot read: Is a directory"):
        read(tmp_path)
