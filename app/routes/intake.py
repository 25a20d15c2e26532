"""The Intake catalogue of all datasets. It is read and written in batches, because it may be long."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from flask import Response
from sqlalchemy import Connection, Row

from app.database.fairness import in_batches
from app.models.datasets import is_link
from app.models.opening import BRANCH, Opening
from app.services import catalogue
from app.web import documents
from app.web.auth import Caller
from app.web.blueprint import Blueprint
from app.web.json import encode

# The format of Intake 2 (https://intake.readthedocs.io): `data` says where data is, `entries` how to read it.
XARRAY = {"reader": "intake.readers.readers:XArrayDatasetReader", "output_instance": "xarray:Dataset"}
PANDAS = {"reader": "intake.readers.readers:PandasParquet", "output_instance": "pandas:DataFrame"}
# The data type of Intake for each dataset type. That of NetCDF does not matter, because the entry says the engine.
DATA_TYPES = {"zarr": "Zarr", "kerchunk": "Zarr", "parquet": "Parquet", "netcdf": "HDF5", "icechunk": "IcechunkRepo"}

MIMETYPE = "application/yaml"
# Characters that JSON allows unescaped but YAML refuses or reads as line breaks (YAML 1.2, section 5.1).
NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
KEY_MAX = 1024  # characters of a key in YAML, with quotes and escapes (YAML 1.2, section 7.4.2)
SPOOLED = 1024 * 1024  # bytes of a section in memory; a longer one is in a temporary file
BLOCK = 64 * 1024  # bytes of a temporary file in memory

blp = Blueprint("intake", __name__, lenient=True, description="The Intake catalogue.")


@blp.route("/catalog.yaml", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(200, {"examples": ['{"version":2}']}, content_type=MIMETYPE, description="The catalogue.")
def get_intake_catalog() -> Response:
    """Get the datasets as an Intake catalogue

    The datasets of production runs whose type is known, for `intake.open_catalog` of Intake 2. The YAML is also valid
    JSON. The key of an entry is the id of a dataset, which never changes: a withdrawn dataset has `withdrawn` in its
    metadata, and only its id leads to it. The other datasets have an alias.
    """
    return documents.of_parts(_parts, MIMETYPE)


class Section:
    """The fields of a JSON object, written one batch after the other."""

    def __init__(self, file: IO[bytes] | None = None) -> None:
        self.file, self.separator = file, b""

    def written(self, fields: Mapping[str, Any]) -> bytes:
        """Return the JSON of `fields`, to follow the fields before them. It is written to the file, if there is one."""
        if not fields:
            return b""
        text = encode(fields)
        if not text.isascii() or b"\x7f" in text:  # else nothing has to be replaced, which takes long to find out
            text = NOT_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text.decode()).encode()
        text, self.separator = self.separator + text[1:-1], b","
        if self.file:
            self.file.write(text)
        return text

    def read(self) -> Iterator[bytes]:
        """Yield what is in the file."""
        if self.file:
            self.file.seek(0)
            yield from iter(partial(self.file.read, BLOCK), b"")


def _parts(connection: Connection) -> Iterator[bytes]:
    """Yield the catalogue. One pass over the datasets writes its three sections, so all of them have the same datasets.

    The keys of entries are ids. An entry of a dataset that was merged refers to the data of the other one.
    """
    with SpooledTemporaryFile(SPOOLED) as first, SpooledTemporaryFile(SPOOLED) as second:
        entries, data, aliases = Section(), Section(first), Section(second)
        yield b'{"version":2,"metadata":{"title":"Pangeo Forge"},"user_parameters":{},"entries":{'
        for batch in catalogue.entries(connection):
            for some in in_batches(batch):
                known = [(row, opening) for row in some if (opening := _opening(row))]
                yield entries.written({str(row.number): _entry(row, opening) for row, opening in known})
                data.written({f"data-{row.id}": _data(opening) for row, opening in known if row.number == row.id})
                aliases.written({name: str(row.id) for row, _ in known if (name := _alias(row))})
        yield b'},"data":{'
        yield from data.read()
        yield b'},"aliases":{'
        yield from aliases.read()
        yield b"}}"


def _opening(row: Row[Any]) -> Opening | None:
    """Return what is known about the dataset; None if Intake cannot read it."""
    opening = Opening(row.dataset_type, row.url, row.snapshot_id, row.engine, row.consolidated)
    if opening.type not in DATA_TYPES or not is_link(row.url):
        return None
    return opening if opening.type != "icechunk" or opening.icechunk_storage else None


def _alias(row: Row[Any]) -> str | None:
    """Return the name of a listed dataset; None if it is not printable, or if another dataset may have the same name.

    Names are unique if the feedstock is owner/name, or if neither the feedstock nor the recipe has a slash.
    """
    if row.withdrawn_at or row.number != row.id or not row.dataset_type:
        return None
    slashes = row.feedstock.count("/")
    if slashes > 1 or (not slashes and "/" in row.recipe_id):
        return None
    name = f"{row.feedstock}/{row.recipe_id}.{row.dataset_type}"
    # A printable character has at most four bytes in JSON.
    is_key = name.isprintable() and (4 * len(name) + 2 <= KEY_MAX or len(encode(name)) <= KEY_MAX)
    return name if is_key else None


def _data(opening: Opening) -> dict[str, Any]:
    if opening.type == "icechunk" and (storage := opening.icechunk_storage):
        kwargs: dict[str, Any] = {"url": storage[0], "storage_options": _escape_templates(storage[1]), "ref": BRANCH}
    else:
        kwargs = {"url": _escape_templates(opening.url), "storage_options": opening.storage_options}
    return {
        "datatype": f"intake.readers.datatypes:{DATA_TYPES[str(opening.type)]}",
        "kwargs": kwargs,
        "metadata": {},
        "user_parameters": {},
    }


def _entry(row: Row[Any], opening: Opening) -> dict[str, Any]:
    metadata = {
        "feedstock": row.feedstock,
        "recipe_id": row.recipe_id,
        "bakery": row.bakery,
        "last_build": row.last_build,
    }
    for name, value in (("title", row.title), ("snapshot_id", row.snapshot_id), ("withdrawn", row.withdrawn_at)):
        if value:
            metadata[name] = value
    return {
        **(PANDAS if opening.type == "parquet" else XARRAY),
        "kwargs": {"args": [f"{{data(data-{row.id})}}"], **_options(opening)},
        "metadata": metadata,
        "user_parameters": {},
    }


def _options(opening: Opening) -> dict[str, Any]:
    """Return the options of the reader. Without an engine, xarray recognises the format of a NetCDF file."""
    if opening.type == "parquet":
        return {}
    if opening.type == "icechunk":
        return {"engine": "zarr", "chunks": {}}
    return {"engine": None, "chunks": {}, **opening.open_options}


def _escape_templates(value: Any) -> Any:
    """Escape braces, because Intake expands templates in texts: `{env(SECRET)}` would send a secret to a host."""
    if isinstance(value, dict):
        return {name: _escape_templates(item) for name, item in value.items()}
    return value.replace("{", "{{").replace("}", "}}") if isinstance(value, str) else value
