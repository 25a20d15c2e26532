"""How a dataset is opened and cited."""

from typing import Any

from flask import url_for

from app.dashboard import words
from app.models import FeedstockMetadata
from app.models.datasets import is_link
from app.web.links import origin


def openers(record: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return ways to open the dataset: an id for HTML, a name and the code.

    Intake and STAC have production datasets only.
    """
    found = [("xarray", "Python", record["snippet"])] if record["snippet"] else []
    if record["is_test"] or record["withdrawn_at"] or not is_link(record["url"]):
        return found
    host, number = origin(), record["id"]
    if record["snippet"]:
        catalogue = host + url_for("intake.get_intake_catalog")
        found.append(("intake", "Intake", f'import intake\nds = intake.open_catalog("{catalogue}")["{number}"].read()'))
    collection = host + url_for("stac.get_collection", id=number)
    found.append(("stac", "STAC", f'import pystac\ncollection = pystac.Collection.from_file("{collection}")'))
    return found


def citation(record: dict[str, Any], metadata: FeedstockMetadata | None) -> str:
    """Return how to cite the dataset: what its feedstock says, and this copy of it."""
    providers = metadata.providers if metadata else []
    producers = [provider["name"] for provider in providers if "producer" in provider["roles"]]
    authors = ", ".join(producers) or record["feedstock"]
    copy = f"{authors}: {record['heading']}. Dataset {record['recipe_id']} of {record['feedstock']}, "
    copy += f"{'built' if record['build_count'] else 'added'} {words.day(record['last_build'])}. Pangeo Forge. "
    copy += origin() + url_for("dashboard.dataset", id=record["id"])
    return f"{metadata.citation.strip()}\n\n{copy}" if metadata and metadata.citation else copy
