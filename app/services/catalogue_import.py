"""Takes feedstocks, their metadata and their datasets from the catalogue of another service."""

import re
from dataclasses import dataclass
from typing import Any

from werkzeug.exceptions import Conflict

from app.database.columns import KEY_LENGTH
from app.database.urls import is_remote, secret_in
from app.models import Feedstock
from app.models.datasets import is_link
from app.models.feedstock_metadata import NAME_MAX, URL_MAX
from app.models.feedstocks import repository
from app.models.recipe_runs import SYSTEM
from app.services import audit, dataset_links, feedstock_metadata, feedstocks, records
from app.services.feedstock_files import META_URL, metadata
from app.services.tolerant import Place
from app.services.yaml_documents import Notes

DESCRIPTION_MAX = 10_000  # characters of the description of a dataset
STORES_MAX = 1000
STORE_FIELDS = {
    *("id", "name", "description", "url", "public", "source", "source_url", "xarray_open_kwargs"),
    *("rechunking", "geospatial", "last_updated"),
}
# The dataset type for the end of the path of a url, and for an engine of xarray.
TYPES_BY_NAME = (
    (r"\.(nc|nc4|netcdf|cdf)", "netcdf"),
    (r"\.zarr([._-]?v?\d+)?", "zarr"),
    (r"\.parquet", "parquet"),
    (r"\.(json|parq)", "kerchunk"),
)
TYPES_BY_ENGINE = {
    **{"zarr": "zarr", "kerchunk": "kerchunk", "icechunk": "icechunk"},
    **dict.fromkeys(("netcdf4", "h5netcdf", "scipy"), "netcdf"),
}
NOT_PUBLIC = "The catalogue that lists it says that it is not public."


@dataclass
class Imported:
    """What changed: whether the feedstock is new, whether its metadata changed, and the numbers of its datasets."""

    feedstock_id: int
    spec: str
    new: bool
    described: bool
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0


def feedstock_of(entry: dict[str, Any], notes: Notes) -> str | None:
    """The repository of the feedstock that `entry` is about, from the address of its meta.yaml."""
    place = Place(entry, "", notes).get(META_URL)
    url = place.text(URL_MAX) or ""
    found = re.match(r"https?://(?:(?:www\.)?github\.com|raw\.githubusercontent\.com)/([^/]+/[^/]+)", url)
    spec = repository(found[1]) if found else None
    if spec is None:
        place.note("does not name a repository on GitHub, so the feedstock is unknown; the entry is ignored")
    return spec


def load(entry: dict[str, Any], spec: str, notes: Notes, *, describe: bool = True, stores: bool = True) -> Imported:
    """Create the feedstock `spec` unless it exists, `describe` it, and add a dataset for each of its `stores`.

    The caller commits. A repetition changes nothing.
    """
    feedstock, new = feedstocks.create({"spec": spec, "provider": "github"}, SYSTEM)
    records.get(Feedstock, feedstock.id, to_write=True)
    described = describe and feedstock_metadata.save(feedstock.id, metadata(entry, notes))[2]
    if new:
        audit.add("create_feedstock", "feedstocks", feedstock.id)
    if described:
        audit.add("put_feedstock_metadata", "feedstock_metadata", feedstock.id)
    imported = Imported(feedstock.id, feedstock.spec, new, described)
    place = Place(entry, "", notes).get("stores")
    if stores:
        link_stores(place, imported)
    elif place.value:
        place.note("are not metadata; `flask datasets import` and `flask feedstocks describe --datasets` add them")
    return imported


def link_stores(place: Place, imported: Imported) -> None:
    """Add a dataset for each store, or change what people may change of it."""
    keys = set()
    for item in place.items(STORES_MAX):
        values = _link(item)
        if values and (key := (values["recipe_id"], values["dataset_type"])) in keys:
            item.note("has the id of another store; ignored")
            values = None
        if values is None:
            imported.refused += 1
            continue
        keys.add(key)
        number, new, changed = _store(values | {"feedstock_id": imported.feedstock_id, "is_test": False}, item)
        if new or changed:
            audit.add("create_dataset" if new else "update_dataset", "datasets", number)
        imported.added += new
        imported.changed += changed
        imported.unchanged += not (new or changed)


def _store(values: dict[str, Any], place: Place) -> tuple[int, bool, bool]:
    """The id of the dataset with these values, whether it is new, and whether an existing one changed."""
    try:
        return *dataset_links.add_link(values), False
    except Conflict:
        number, changed = _change(values, place)
        return number, False, changed


def _change(values: dict[str, Any], place: Place) -> tuple[int, bool]:
    """Change the dataset with the key of `values`. The url of a dataset that runs have built stays."""
    dataset = dataset_links.lock_same(values)
    if dataset is None:
        raise Conflict("Another program changed the same dataset first; try again.")
    content = {name: values[name] for name in dataset_links.CONTENT}
    if dataset.build_count and dataset.url != content.pop("url"):
        place.get("url").note(
            f"dataset {dataset.id} was built by recipe run {dataset.run_id}; its url stays {dataset.url}"
        )
    return dataset.id, dataset_links.change(dataset, content)


def _link(place: Place) -> dict[str, Any] | None:
    """The values of a link for a store; None if it has no usable url or id."""
    store = place.mapping()
    name, url = store.get("name").name(), _url(store.get("url"))
    recipe_id = store.get("id").name() or name
    if recipe_id is None or len(recipe_id) > KEY_LENGTH:
        store.get("id").note(f"must be 1 to {KEY_LENGTH} characters; the dataset is ignored")
        return None
    if url is None:
        return None
    store.ignore_others(STORE_FIELDS)
    return {
        "recipe_id": recipe_id,
        "dataset_type": _type(store, url),
        "url": url,
        "title": name[:NAME_MAX] if name else None,
        "description": _description(store),
    }


def _description(store: Place) -> str | None:
    parts = [store.get("description").text(DESCRIPTION_MAX // 2)]
    source = " ".join(filter(None, (store.get("source").name(), store.get("source_url").url())))
    parts.append(f"Source: {source}" if source else None)
    if store.get("public").value in (False, "false", "False", "no"):
        store.get("public").note("is false; the dataset is kept, and its description says so")
        parts.append(NOT_PUBLIC)
    if store.get("last_updated").value:
        store.get("last_updated").note("is not kept: inspections of the data find their last time step")
    return "\n\n".join(filter(None, parts)) or None


def _url(place: Place) -> str | None:
    text = place.text(URL_MAX + 1)
    if text is None:
        place.note("is missing; the dataset is ignored")
    elif len(text) > URL_MAX or not is_remote(text):
        place.note("is not a URL; the dataset is ignored")
    elif not is_link(text):
        place.note("is a script; the dataset is ignored")
    elif secret := secret_in(text):
        place.note(f"contains {secret}, and everyone could read it; the dataset is ignored")
    else:
        return text
    return None


def _type(store: Place, url: str) -> str | None:
    """The dataset type that the name of the file or the engine of xarray tells; the name counts more."""
    path = re.split(r"[?#]", url)[0].rstrip("/").lower()
    by_name = next((kind for pattern, kind in TYPES_BY_NAME if re.search(rf"{pattern}\Z", path)), None)
    engine = store.get("xarray_open_kwargs").get("engine")
    by_engine = TYPES_BY_ENGINE.get(str(engine.value))
    if by_name and by_engine and by_name != by_engine:
        engine.note(f'is "{engine.value}", but the url is that of {by_name}; its type is {by_name}')
    return by_name or by_engine
