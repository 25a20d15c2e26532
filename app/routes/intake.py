"""The Intake catalogue of all datasets. It is read and written in batches, because it may be long."""

import re
from collections.abc import Iterator
from functools import lru_cache, partial
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from flask import Response
from sqlalchemy import Connection

from app.database.fairness import let_others_run
from app.models.datasets import is_link
from app.models.opening import BRANCH, Opening
from app.services import catalogue
from app.services.catalogue import Entry
from app.web import documents
from app.web.auth import Caller
from app.web.blueprint import Blueprint
from app.web.json import encode

# The format of Intake 2 (https://intake.readthedocs.io): `data` says where data is, `entries` how to read it.
DATA = b'"data-%d":{"datatype":"intake.readers.datatypes:%b","kwargs":%b,"metadata":{},"user_parameters":{}}'
ENTRY = b'"%d":{%b,"kwargs":{"args":["{data(data-%d)}"]%b},"metadata":%b,"user_parameters":{}}'
XARRAY = b'"reader":"intake.readers.readers:XArrayDatasetReader","output_instance":"xarray:Dataset"'
PANDAS = b'"reader":"intake.readers.readers:PandasParquet","output_instance":"pandas:DataFrame"'
# The data type of Intake for each dataset type. That of NetCDF does not matter, because the entry says the engine.
DATA_TYPES = {
    "zarr": b"Zarr",
    "kerchunk": b"Zarr",
    "parquet": b"Parquet",
    "netcdf": b"HDF5",
    "icechunk": b"IcechunkRepo",
}

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

    def written(self, fields: list[bytes]) -> bytes:
        """Return `fields`, to follow those before them. They are written to the file, if there is one."""
        if not fields:
            return b""
        text = b",".join(fields)
        if not text.isascii() or b"\x7f" in text:  # else nothing has to be replaced, which takes long to find out
            text = NOT_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text.decode()).encode()
        text, self.separator = self.separator + text, b","
        if self.file:
            self.file.write(text)
        return text

    def read(self) -> Iterator[bytes]:
        """Yield what is in the file. Other requests run between two blocks."""
        if self.file:
            self.file.seek(0)
            for block in iter(partial(self.file.read, BLOCK), b""):
                let_others_run()
                yield block


def _parts(connection: Connection) -> Iterator[bytes]:
    """Yield the catalogue. One pass over the datasets writes its three sections, so all of them have the same datasets.

    The keys of entries are ids. An entry of a dataset that was merged refers to the data of the other one.
    """
    with SpooledTemporaryFile(SPOOLED) as first, SpooledTemporaryFile(SPOOLED) as second:
        entries, data, aliases = Section(), Section(first), Section(second)
        yield b'{"version":2,"metadata":{"title":"Pangeo Forge"},"user_parameters":{},"entries":{'
        for batch in catalogue.entries(connection):
            known = [(row, opening) for row in batch if (opening := _opening(row))]
            yield entries.written([_entry(row, opening) for row, opening in known])
            data.written([_data(row, opening) for row, opening in known if row.number == row.id])
            aliases.written([alias for row, _ in known if (alias := _alias(row))])
        yield b'},"data":{'
        yield from data.read()
        yield b'},"aliases":{'
        yield from aliases.read()
        yield b"}}"


def _opening(row: Entry) -> Opening | None:
    """Return what is known about the dataset; None if Intake cannot read it."""
    opening = Opening(row.dataset_type, row.url, row.snapshot_id, row.engine, row.consolidated)
    if opening.type not in DATA_TYPES or not is_link(row.url):
        return None
    return opening if opening.type != "icechunk" or opening.icechunk_storage else None


def _alias(row: Entry) -> bytes | None:
    """Return the alias of a listed dataset; None if it is not printable, or if another dataset may have the same.

    Aliases are unique if the feedstock is owner/name, or if neither the feedstock nor the recipe has a slash.
    """
    if row.withdrawn_at or row.number != row.id or not row.dataset_type:
        return None
    slashes = row.feedstock.count("/")
    if slashes > 1 or (not slashes and "/" in row.recipe_id):
        return None
    name = f"{row.feedstock}/{row.recipe_id}.{row.dataset_type}"
    key = encode(name)
    return b'%b:"%d"' % (key, row.id) if len(key) <= KEY_MAX and name.isprintable() else None


def _data(row: Entry, opening: Opening) -> bytes:
    if opening.type == "icechunk" and (storage := opening.icechunk_storage):
        kwargs: dict[str, Any] = {"url": storage[0], "storage_options": _escape_templates(storage[1]), "ref": BRANCH}
    else:
        kwargs = {"url": _escape_templates(opening.url), "storage_options": opening.storage_options}
    return DATA % (row.id, DATA_TYPES[str(opening.type)], encode(kwargs))


def _entry(row: Entry, opening: Opening) -> bytes:
    metadata = {
        "feedstock": row.feedstock,
        "recipe_id": row.recipe_id,
        "bakery": row.bakery,
        "last_build": row.last_build,
    }
    if row.title:
        metadata["title"] = row.title
    if row.snapshot_id:
        metadata["snapshot_id"] = row.snapshot_id
    if row.withdrawn_at:
        metadata["withdrawn"] = row.withdrawn_at
    reader, options = _reader(str(opening.type), opening.engine, opening.consolidated)
    return ENTRY % (row.number, reader, row.id, options, encode(metadata))


@lru_cache(maxsize=64)
def _reader(dataset_type: str, engine: str | None, consolidated: bool | None) -> tuple[bytes, bytes]:
    """Return the JSON of a reader and of its options. Without an engine, xarray recognises the format of a file."""
    if dataset_type == "parquet":
        return PANDAS, b""
    lazy: dict[str, Any] = {"engine": "zarr" if dataset_type == "icechunk" else None, "chunks": {}}
    options = lazy | Opening(dataset_type, "", None, engine, consolidated).open_options
    return XARRAY, b"," + encode(options)[1:-1]


def _escape_templates(value: Any) -> Any:
    """Escape braces, because Intake expands templates in texts: `{env(SECRET)}` would send a secret to a host."""
    if isinstance(value, dict):
        return {name: _escape_templates(item) for name, item in value.items()}
    return value.replace("{", "{{").replace("}", "}}") if isinstance(value, str) else value
