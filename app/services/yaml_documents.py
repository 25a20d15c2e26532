"""Reads YAML of strangers: mappings, lists and texts, within limits.

Every scalar is a text, so that a title `2020`, `no` or `1.10` is what its author wrote; null is None. The events of the
parser are counted while they arrive, because a document of a few lines can mean millions of values or any depth. An
alias is the same object as its anchor, so it takes no memory; their number is limited, because the reader of the
documents meets their values again.
"""

from typing import Any

import yaml
from werkzeug.exceptions import BadRequest

DEPTH_MAX = 20
EVENTS_MAX = 20_000
ALIASES_MAX = 100
NULL = {"", "~", "null", "Null", "NULL"}

Notes = list[dict[str, str]]


def read(text: str, notes: Notes) -> list[Any]:
    """The documents of the stream `text`. Raises 400 if it is not YAML.

    A key that a mapping has twice is added to `notes`; its last value counts.
    """
    builder = _Builder(notes)
    try:
        for number, event in enumerate(yaml.parse(text, Loader=yaml.CSafeLoader)):
            if number > EVENTS_MAX:
                raise BadRequest(f"The YAML has more than {EVENTS_MAX} values.")
            builder.add(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise BadRequest(f"This is not valid YAML: {error.problem or error.context}{place}.") from None
    except (yaml.YAMLError, UnicodeEncodeError) as error:  # a character that YAML does not allow
        raise BadRequest(f"This is not valid YAML: {' '.join(str(error).split())}.") from None
    return builder.documents


class _Builder:
    """Builds documents of the events of a parser. `open` are the collections that have not ended, with their keys."""

    def __init__(self, notes: Notes) -> None:
        self.documents: list[Any] = []
        self.notes = notes
        self.open: list[Any] = []
        self.keys: list[str | None] = []
        self.anchors: dict[str, Any] = {}
        self.aliases = 0

    def add(self, event: Any) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self.anchors = {}
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self.start(event, {} if isinstance(event, yaml.MappingStartEvent) else [])
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self.open.pop()
                self.keys.pop()
            case yaml.ScalarEvent():
                # `implicit` is first whether the scalar is plain: with quotes the same characters are a text.
                value = None if event.implicit[0] and event.value in NULL else event.value
                self.put(event, value)
            case yaml.AliasEvent():
                if event.anchor not in self.anchors:
                    raise BadRequest(f"This is not valid YAML: there is no anchor {event.anchor}{_line(event)}.")
                self.aliases += 1
                if self.aliases > ALIASES_MAX:
                    raise BadRequest(f"The YAML has more than {ALIASES_MAX} aliases{_line(event)}.")
                self.put(event, self.anchors[event.anchor])

    def start(self, event: Any, collection: Any) -> None:
        if len(self.open) == DEPTH_MAX:
            raise BadRequest(f"The YAML is nested deeper than {DEPTH_MAX} levels{_line(event)}.")
        self.put(event, collection)
        self.open.append(collection)
        self.keys.append(None)

    def put(self, event: Any, value: Any) -> None:
        """Add a value to the innermost collection. In a mapping, every other value is a key."""
        if event.anchor and not isinstance(event, yaml.AliasEvent):
            self.anchors[event.anchor] = value
        if not self.open:
            self.documents.append(value)
        elif isinstance(self.open[-1], list):
            self.open[-1].append(value)
        elif self.keys[-1] is None:
            self.keys[-1] = self.key(event, value)
        else:
            self.open[-1][self.keys[-1]] = value
            self.keys[-1] = None

    def key(self, event: Any, value: Any) -> str:
        if isinstance(value, dict | list):
            raise BadRequest(f"A key of the YAML is not a text{_line(event)}.")
        if (key := value or "") in self.open[-1]:
            self.notes.append({"path": key, "reason": f"is given twice{_line(event)}; the last one counts"})
        return key


def _line(event: Any) -> str:
    return f", line {event.start_mark.line + 1}"
