"""What differs between two runs of a recipe."""

from collections.abc import Mapping
from typing import Any

from app.dashboard import words

# The fields that are compared, with their words.
NAMES = {"head_sha": "commit", "version": "version", "bakery_id": "bakery", "dataset_public_url": "url"}


def changes(
    newer: Mapping[str, Any], older: Mapping[str, Any], feedstock: dict[str, Any]
) -> list[tuple[str, str | None]]:
    """Return a word for each field that differs, with the address of a page about the difference or None.

    Only fields that both have are compared.
    """
    common = newer.keys() & older.keys()
    different = [name for name in NAMES if name in common and newer[name] != older[name]]
    compared = words.compare_url(feedstock, older["head_sha"], newer["head_sha"])
    return [(NAMES[name], compared if name == "head_sha" else None) for name in different]
