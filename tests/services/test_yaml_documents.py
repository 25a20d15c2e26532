"""YAML of strangers: what is a text, what is refused, and that nothing hostile costs much."""

import pytest
from werkzeug.exceptions import BadRequest

from app.services.yaml_documents import DEPTH_MAX, EVENTS_MAX, read

ALIASES = "\n".join(["- &a0 [x, x]", *(f"- &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 50))])


@pytest.mark.parametrize("text", ["2020", "1.10", "no", "0o17", "2022-01-01", "'~'", "0000-0001", "!!int 'x'"])
def test_a_scalar_is_the_text_that_its_author_wrote(text):
    assert read(f"title: {text}", []) == [{"title": text.removeprefix("!!int ").strip("'")}]


@pytest.mark.parametrize("text", ["", "~", "null", "# a comment"])
def test_null_is_none(text):
    assert read(f"title: {text}\nx: [~]", []) == [{"title": None, "x": [None]}]


def test_a_stream_has_several_documents():
    assert read("--- {a: b}\n--- [c]\n---\nd\n", []) == [{"a": "b"}, ["c"], "d"]


def test_a_key_that_is_given_twice_is_said_and_its_last_value_counts():
    notes = []
    assert read("a: 1\nb: {c: 2, c: 3}\na: 4", notes) == [{"a": "4", "b": {"c": "3"}}]
    assert notes == [
        {"path": "c", "reason": "is given twice, line 2; the last one counts"},
        {"path": "a", "reason": "is given twice, line 3; the last one counts"},
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: b\n c: d", "mapping values are not allowed in this context, line 2, column 3."),
        ("a: [b", "did not find expected ',' or ']', line 2, column 1."),
        ("a: \x01", "control characters are not allowed"),
        ("a: \ud800", "surrogates not allowed"),
        ('a: "\\ud800"', "invalid Unicode character escape code, line 1"),
        ("a: *b", "there is no anchor b, line 1."),
        ("? [a]\n: b", "A key of the YAML is not a text, line 1."),
        ("[" * 100, f"nested deeper than {DEPTH_MAX} levels, line 1."),
        ("[" * 100_000, "exceeded maximum nesting depth, line 1"),
        ("- " * 100_000, f"nested deeper than {DEPTH_MAX} levels, line 1."),
        ("- &a b\n" + "- *a\n" * 101, "more than 100 aliases, line 102."),
        ("- a\n" * (EVENTS_MAX + 1), f"more than {EVENTS_MAX} values."),
    ],
)
def test_what_is_not_usable_yaml_is_refused_with_the_reason(text, reason):
    with pytest.raises(BadRequest) as raised:
        read(text, [])
    assert reason in raised.value.description


def test_an_alias_takes_no_memory():
    (document,) = read(ALIASES, [])
    assert document[49][0] is document[48]


def test_an_object_of_python_is_a_text():
    assert read("a: !!python/object/apply:os.system ['x']", []) == [{"a": ["x"]}]
