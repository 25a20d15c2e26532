"""Datasets of the catalogue, and what an inspection has found in them."""

from app.extensions import db
from app.repr.inspector import Inspection
from app.services import dataset_descriptions
from app.services.dataset_descriptions import Task
from app.services.health import Found
from tests.support.factories import make_run

URL = "https://data.example.org/a.zarr"
PUBLISHED = {"status": "completed", "conclusion": "success", "dataset_type": "zarr"}
VARIABLE = {"dimensions": ["time"], "shape": [3], "dtype": "float32", "coordinate": False}
VARIABLE |= dict.fromkeys(("units", "standard_name", "long_name", "chunks"))
NOTHING = dict.fromkeys(("west", "south", "east", "north", "time_start", "time_end", "time_step", "snapshot_id"))
DESCRIPTION = {
    **NOTHING,
    "variables": {"sst": VARIABLE},
    "dimensions": {"time": 3},
    "attributes": {"title": "An example"},
    "bytes_stored": None,
    "bytes_in_memory": 12,
    "zarr_format": 2,
    "consolidated": True,
    "engine": "zarr",
}
SAMPLES = {"chunks": 1, "missing": 0}


def make_dataset(app, **columns):
    """The id of a dataset that a new run has built."""
    return make_run(app, **{**PUBLISHED, "dataset_public_url": URL, **columns}).id


def found(**facts):
    """What an inspection finds: a store that opens, or an `error`."""
    values = {"description": DESCRIPTION, "samples": SAMPLES, "closed_hosts": []} if "error" not in facts else {}
    return Found("zarr", "zarr", **{**values, **facts})


def inspection(**facts):
    """What the program shows of a store that opens."""
    return Inspection("zarr", None, {"description": DESCRIPTION, "samples": SAMPLES, "closed_hosts": [], **facts})


def record(app, dataset_id, picture=None, **facts):
    """Store the result of an inspection, and return its outcome."""
    with app.app_context():
        outcome = dataset_descriptions.record(Task(dataset_id, URL, "zarr", dataset_id), found(**facts), picture, 1.5)
        db.session.commit()
    return outcome
