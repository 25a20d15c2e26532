"""The form of catalogues of Intake 2 (https://intake.readthedocs.io): where data is, and what reads it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from app.json import encode
from app.models.columns import wire_time
from app.models.datasets import storage_options

XARRAY = {"reader": "intake.readers.readers:XArrayDatasetReader", "output_instance": "xarray:Dataset"}
PANDAS = {"reader": "intake.readers.readers:PandasParquet", "output_instance": "pandas:DataFrame"}
KEY_MAX = 1024  # characters; YAML takes no longer ones for keys, quotes and escapes included
# For each type of dataset what Intake takes it for, what reads it, and how.
READERS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "zarr": ("Zarr", XARRAY, {"engine": "zarr", "chunks": {}}),
    "kerchunk": ("Zarr", XARRAY, {"engine": "kerchunk", "chunks": {}}),
    "parquet": ("Parquet", PANDAS, {}),
}


def catalog(datasets: Sequence[Row[Any]]) -> dict[str, Any]:
    """A catalogue of those of `datasets` that there is a reader for, by their number.

    They also go by a name, if that is readable; should two have the same, it is that of the later one.
    """
    known = [dataset for dataset in datasets if dataset.dataset_type in READERS]
    names = {f"{dataset.feedstock}/{dataset.recipe_id}.{dataset.dataset_type}": str(dataset.id) for dataset in known}
    return {
        "version": 2,
        "metadata": {"title": "Pangeo Forge"},
        "user_parameters": {},
        "aliases": {name: number for name, number in names.items() if _is_readable(name)},
        "data": {f"data-{dataset.id}": _data(dataset) for dataset in known},
        "entries": {str(dataset.id): _entry(dataset) for dataset in known},
    }


def _is_readable(name: str) -> bool:
    return name.isprintable() and len(encode(name)) <= KEY_MAX


def _data(dataset: Row[Any]) -> dict[str, Any]:
    datatype, *_ = READERS[str(dataset.dataset_type)]
    options = storage_options(dataset.dataset_type, dataset.url)
    return {
        "datatype": f"intake.readers.datatypes:{datatype}",
        "kwargs": {"url": _literally(dataset.url), "storage_options": options},
        "metadata": {},
        "user_parameters": {},
    }


def _entry(dataset: Row[Any]) -> dict[str, Any]:
    _, reader, options = READERS[str(dataset.dataset_type)]
    return reader | {
        "kwargs": {"args": [f"{{data(data-{dataset.id})}}"], **options},
        "metadata": {
            "feedstock": dataset.feedstock,
            "recipe_id": dataset.recipe_id,
            "bakery": dataset.bakery,
            "last_build": wire_time(dataset.last_build),
        },
        "user_parameters": {},
    }


def _literally(text: str) -> str:
    """`text` where Intake fills in templates: `{env(SECRET)}` in a url would be sent to whoever published it."""
    return text.replace("{", "{{").replace("}", "}}")
