"""The known name that is nearest to an unknown one, for error sentences."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from flask import current_app
from marshmallow import Schema, fields

CUTOFF = 0.7  # of `difflib`: 0 for names without a common character, 1 for the same name
LONGEST = 100  # characters; the time of a comparison grows with their square
ID = re.compile(r"(?<=/)\d+")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of `known` that is nearest to `name`, None if none is near or `name` is very long."""
    found = get_close_matches(name, known, 1, CUTOFF) if len(name) <= LONGEST else []
    return found[0] if found else None


def nearest_field(schema: Schema, path: tuple[object, ...]) -> str | None:
    """The field of `schema` that is nearest to the last token of `path`. The tokens before lead to its object."""
    *outer, name = path
    for token in outer:
        field = _by_json_name(schema).get(str(token))
        schema = field.schema if isinstance(field, fields.Nested) else schema  # a list is the same for every index
    return nearest(str(name), _by_json_name(schema))


def nearest_path(path: str) -> str | None:
    """The path of this service that is nearest to `path`, with the ids of `path`; None if none is near."""
    ids = ID.findall(path)
    rules = (rule.rule.replace("<id:id>", "{id}") for rule in current_app.url_map.iter_rules())
    known = [rule for rule in rules if "<" not in rule and rule != "/" and rule.count("{id}") == len(ids)]
    found = nearest(ID.sub("{id}", path), known)
    return found and re.sub(r"\{id\}", lambda _: ids.pop(0), found)


def _by_json_name(schema: Schema) -> dict[str, fields.Field[Any]]:
    """The fields that a request may have, by their names in JSON."""
    return {field.data_key or name: field for name, field in schema.load_fields.items()}
