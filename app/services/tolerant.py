"""Reads values that people wrote, of any shape: what is usable is taken, and what is not is noted with its path."""

import re
from collections.abc import Collection
from itertools import islice
from typing import Any

from app.database.names import normal
from app.database.urls import is_web_address, secret_in
from app.models.feedstock_metadata import ITEMS_MAX, NAME_MAX, TEXT_MAX, URL_MAX
from app.services.yaml_documents import Notes

# What a template has where a text is to be written.
PLACEHOLDER = re.compile(r"(todo|tbd|tba|fixme|xxx|n/?a|none|my-custom-tag|\.\.\.|-)[.:!]?", re.IGNORECASE)
UNKNOWN_MAX = 20  # fields of a mapping that are noted


class Place:
    """A value of a document and the path that leads to it, such as `provenance.providers[2].roles`."""

    def __init__(self, value: Any, path: str, notes: Notes) -> None:
        self.value, self.path, self.notes = value, path, notes

    def note(self, reason: str) -> None:
        self.notes.append({"path": self.path, "reason": reason})

    def get(self, *names: str) -> "Place":
        """The value of the first of the keys `names` that the mapping has; nothing if it has none of them."""
        found = self.value if isinstance(self.value, dict) else {}
        name = next((name for name in names if found.get(name) not in (None, "")), names[0])
        return Place(found.get(name), f"{self.path}.{name}" if self.path else name, self.notes)

    def mapping(self) -> "Place":
        """This place if it has a mapping, else one with nothing."""
        if self.value is not None and not isinstance(self.value, dict):
            self.note("is not a mapping; ignored")
        return Place(self.value if isinstance(self.value, dict) else {}, self.path, self.notes)

    def items(self, maximum: int = ITEMS_MAX) -> list["Place"]:
        """The first items of a list, without nulls. A value that is not a list is its only item."""
        if self.value in (None, "", {}):
            return []
        values = self.value if isinstance(self.value, list) else [self.value]
        if len(values) > maximum:
            self.note(f"has {len(values)} items; only the first {maximum} are taken")
        if values is not self.value:
            return [self]
        first = enumerate(values[:maximum])
        return [Place(value, f"{self.path}[{index}]", self.notes) for index, value in first if value is not None]

    def ignore_others(self, known: Collection[str]) -> None:
        """Note the first keys of a mapping that are not `known`. A hostile file has any number, by aliases."""
        found = self.value if isinstance(self.value, dict) else {}
        unknown = (name for name, value in found.items() if name not in known and value is not None)
        for number, name in enumerate(islice(unknown, UNKNOWN_MAX + 1)):
            if number == UNKNOWN_MAX:
                self.note("has more fields that the catalogue does not have; ignored")
            else:
                self.get(name[:100]).note("is not a field of the catalogue; ignored")

    def text(self, maximum: int = TEXT_MAX, *, placeholder: bool = False) -> str | None:
        """A text of up to `maximum` characters without white space at its ends. A longer one is cut.

        `placeholder` says that the text may be one, such as `TBD`.
        """
        value = self.value
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if value is not None and not isinstance(value, str):
            self.note("is not a text; ignored")
            return None
        value = (value or "").strip()
        text = normal(value[: 2 * maximum])  # the normal form of a long text takes long
        if "\0" in text:
            self.note("contains the character U+0000; ignored")
            return None
        if PLACEHOLDER.fullmatch(text) and not placeholder:
            self.note(f'"{text}" is a placeholder; ignored')
            return None
        if len(text) > maximum:
            self.note(f"has more than {maximum} characters; only the first are taken")
        return text[:maximum].strip() or None

    def name(self) -> str | None:
        """A text on one line."""
        return " ".join((self.text(NAME_MAX) or "").split()) or None

    def url(self) -> str | None:
        """An address of the web that everyone may follow."""
        text = self.text(URL_MAX + 1)
        if text is None:
            return None
        if text.startswith("www."):
            text = f"https://{text}"
        elif re.match(r"10\.\d{4,9}/", text.removeprefix("doi:")):
            text = f"https://doi.org/{text.removeprefix('doi:')}"
        if len(text) > URL_MAX or not is_web_address(text):
            self.note("is not a URL of the web; ignored")
        elif secret := secret_in(text):
            self.note(f"contains {secret}, and everyone could read it; ignored")
        else:
            return text
        return None
