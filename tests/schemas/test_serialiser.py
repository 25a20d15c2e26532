"""Serialisers write the same bytes as marshmallow, for every schema of an answer."""

from datetime import UTC, datetime
from types import SimpleNamespace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import Schema, fields

from app.schemas.base import ReadSchema
from app.schemas.fields import Choice, Flag, Number, Real, Text, Timestamp
from app.schemas.recipe_runs import RecipeRunDetail, RecipeRunRead
from app.schemas.serialiser import PLAIN, Serialiser, serialiser
from app.web.json import encode

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
TIMES = st.datetimes(timezones=st.just(UTC)) | st.just(datetime(2022, 3, 3, tzinfo=UTC))
VALUES = {
    Choice: TEXT,
    Flag: st.booleans(),
    Number: st.integers(-(2**63), 2**63 - 1),
    Real: st.floats(allow_nan=False, allow_infinity=False),
    Text: TEXT,
    Timestamp: TIMES,
    fields.List: st.lists(TEXT),
    fields.Dict: st.dictionaries(TEXT, st.none() | TEXT | st.integers(-(2**63), 2**63 - 1)),
}


def subclasses(schema):
    return [found for child in schema.__subclasses__() for found in (child, *subclasses(child))]


def records(schema):
    """Records with any values that the fields of `schema` may have."""
    strategies = {name: values(field) for name, field in schema.dump_fields.items()}
    return st.builds(SimpleNamespace, **strategies)


def values(field):
    if isinstance(field, fields.Nested):
        inner = records(field.schema)
        return st.lists(inner, max_size=3) if field.many else inner
    if isinstance(field, fields.List) and isinstance(field.inner, fields.Nested):  # objects in a column of JSON
        return st.lists(records(field.inner.schema).map(vars), max_size=3)
    if isinstance(field, fields.List):
        return st.lists(json_values(field.inner), max_size=3)
    if isinstance(field, fields.Dict) and field.value_field:
        return st.dictionaries(TEXT, json_values(field.value_field), max_size=3)
    return st.none() | next(strategy for kind, strategy in VALUES.items() if isinstance(field, kind))


def json_values(field):
    """Values inside of a column of JSON, where a record is an object."""
    if type(field) is fields.String:
        return TEXT
    if type(field) is fields.Raw:
        return TEXT | st.integers(-(2**63), 2**63 - 1)
    return records(field.schema).map(vars) if isinstance(field, fields.Nested) else values(field)


def row(record, columns):
    """The row of a record in a database. Its times have no zone."""
    found = []
    for column in columns:
        value = record
        for name in column.split("."):
            value = getattr(value, name)
        found.append(value.replace(tzinfo=None) if isinstance(value, datetime) else value)
    return found


SCHEMAS = subclasses(ReadSchema)


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.__name__)
@settings(max_examples=10)  # of each of two dozen schemas
@given(data=st.data())
def test_a_record_is_serialised_as_marshmallow_dumps_it(schema, data):
    record = data.draw(records(schema()))
    assert encode(serialiser(schema).record(record)) == orjson.dumps(schema().dump(record))


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.__name__)
@settings(max_examples=10)  # of each of two dozen schemas
@given(data=st.data())
def test_a_row_is_serialised_as_marshmallow_dumps_its_record(schema, data):
    shown = serialiser(schema)
    without_lists = schema(exclude=tuple(shown.lists))  # lists are not part of a row
    many = data.draw(st.lists(records(without_lists), max_size=3))
    expected = [without_lists.dump(record) for record in many]
    assert encode(shown.rows([row(record, shown.columns) for record in many])) == orjson.dumps(expected)


@given(data=st.data())
def test_selected_fields_keep_the_order_of_the_schema(data):
    names = data.draw(st.frozensets(st.sampled_from(sorted(RecipeRunRead().fields)), min_size=1))
    record = data.draw(records(RecipeRunRead()))
    whole = serialiser(RecipeRunRead).record(record)
    assert [*serialiser(RecipeRunRead, names).record(record).items()] == [
        item for item in whole.items() if item[0] in names
    ]


def test_columns_of_related_records_are_named_with_a_dot():
    assert serialiser(RecipeRunDetail).columns[-4:-1] == ("feedstock.spec", "feedstock.provider", "feedstock.id")


def test_the_strategies_cover_every_plain_field():
    assert set(PLAIN) == set(VALUES)


def test_a_field_that_is_not_plain_is_refused():
    with pytest.raises(TypeError, match="needs plain fields"):
        Serialiser(Schema.from_dict({"member": fields.Float()}), None)
