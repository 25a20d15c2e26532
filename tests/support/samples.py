"""Values for every field by which runs are ordered, by its type, so that tests need not name a new field."""

from datetime import UTC, datetime
from typing import Any

from app.database.columns import LongText
from app.models import RecipeRun
from app.schemas.fields import Choice, Flag, Text, Timestamp
from app.schemas.recipe_runs import RecipeRunQuery, RecipeRunRead

COLUMNS = RecipeRun.__table__.columns
ORDER: Any = RecipeRunQuery().fields["order_by"]
FIELDS = {name: field for name, field in RecipeRunRead().fields.items() if name in ORDER.validate.choices}


def samples(name):
    """Up to three different values that the field may have, without null."""
    field = FIELDS[name]
    if isinstance(field, Choice):
        return field.validate.choices[-1], field.validate.choices[0]
    if isinstance(field, Flag):
        return False, True
    if isinstance(field, Timestamp):
        return tuple(datetime(2022, 1, 1, microsecond=number, tzinfo=UTC) for number in range(3))
    if isinstance(COLUMNS[name].type, LongText):  # is ordered by its first 255 characters
        return "é" * 300, "é" * 255 + "a", ""
    # The shortest text of the field, another case, and characters that a query string must quote.
    return "A" * field.validators[0].min, "a", "\U0001f600 &+%"


# Ids refer to other records, so they have separate tests.
SAMPLES = {name: samples(name) for name, field in FIELDS.items() if isinstance(field, Choice | Flag | Text | Timestamp)}
NULLABLE = [name for name in SAMPLES if COLUMNS[name].nullable]
TEXTS = [name for name, field in FIELDS.items() if isinstance(field, Text)]
