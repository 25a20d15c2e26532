"""How a dataset is opened and cited."""

import re
from typing import Any

from flask import url_for

from app.dashboard import words
from app.models import DatasetDescription, FeedstockMetadata
from app.models.datasets import is_link
from app.web.links import origin

# A url that needs no quotes in any language.
PLAIN = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&()*+,;=%-]+")
# What GDAL, which R uses, opens by the type of the dataset.
GDAL = {"zarr": 'ZARR:"/vsicurl/{}"', "netcdf": "/vsicurl/{}"}


def openers(record: dict[str, Any], description: DatasetDescription | None) -> list[tuple[str, str, str]]:
    """Return ways to open the dataset: an id for HTML, a name and the code."""
    found = [("xarray", "Python", record["snippet"])] if record["snippet"] else []
    if not record["is_test"] and not record["withdrawn_at"] and is_link(record["url"]):
        host, number = origin(), record["id"]
        if record["snippet"]:
            catalogue_url = host + url_for("feeds.get_intake_catalog")
            code = f'import intake\nds = intake.open_catalog("{catalogue_url}")["{number}"].read()'
            found.append(("intake", "Intake", code))
        collection = host + url_for("stac.get_collection", id=number)
        found.append(("stac", "STAC", f'import pystac\ncollection = pystac.Collection.from_file("{collection}")'))
    readable = GDAL.get(record["dataset_type"] or "")
    is_version_3 = description is not None and description.zarr_format == 3
    if readable and PLAIN.fullmatch(record["url"]) and not is_version_3:
        found.append(("r", "R", f"ds <- stars::read_mdim('{readable.format(record['url'])}')"))
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
