"""The form of catalogues of Intake 2 (https://intake.readthedocs.io): where data is, and what reads it."""

from typing import Any

from app.models import Dataset
from app.models.columns import wire_time

XARRAY = {"reader": "intake.readers.readers:XArrayDatasetReader", "output_instance": "xarray:Dataset"}
PANDAS = {"reader": "intake.readers.readers:PandasParquet", "output_instance": "pandas:DataFrame"}
# For each type of dataset what Intake takes it for, what reads it, and how.
READERS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "zarr": ("Zarr", XARRAY, {"engine": "zarr", "chunks": {}}),
    "kerchunk": ("Zarr", XARRAY, {"engine": "kerchunk", "chunks": {}}),
    "parquet": ("Parquet", PANDAS, {}),
}


def catalog(datasets: list[Dataset]) -> dict[str, Any]:
    """A catalogue of those of `datasets` that there is a reader for, by their number.

    They also go by a readable name; should two have the same, it is that of the later one.
    """
    readable = [dataset for dataset in datasets if dataset.dataset_type in READERS]
    return {
        "version": 2,
        "metadata": {"title": "Pangeo Forge"},
        "user_parameters": {},
        "aliases": {f"{d.feedstock}/{d.recipe_id}.{d.dataset_type}": str(d.id) for d in readable},
        "data": {f"data-{dataset.id}": _data(dataset) for dataset in readable},
        "entries": {str(dataset.id): _entry(dataset) for dataset in readable},
    }


def _data(dataset: Dataset) -> dict[str, Any]:
    datatype, *_ = READERS[str(dataset.dataset_type)]
    return {
        "datatype": f"intake.readers.datatypes:{datatype}",
        "kwargs": {"url": _literally(dataset.url), "storage_options": dataset.storage_options},
        "metadata": {},
        "user_parameters": {},
    }


def _entry(dataset: Dataset) -> dict[str, Any]:
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
