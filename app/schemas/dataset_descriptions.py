"""Descriptions and checks of datasets on the wire."""

from functools import partial
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from app.database.columns import BIGINT_MAX
from app.models.dataset_descriptions import SOURCES
from app.models.opening import TYPE_OF_ENGINE
from app.schemas.base import BigId, Id, ReadSchema, WriteSchema, page_query, time_range
from app.schemas.fields import Choice, Flag, Number, Real, Text, Timestamp

NAME_MAX, TEXT_MAX, LIST_MAX, FIELDS_MAX = 255, 2000, 100, 500
DIMENSIONS_MAX = 32
SECONDS_MAX = 1e12  # of a time step

Engine = partial(
    Choice,
    tuple(TYPE_OF_ENGINE),
    component="Engine",
    required=True,
    description="The engine of `xarray.open_dataset` that opens the dataset; `parquet` for a table of pandas.",
    example="zarr",
)
SnapshotId = partial(
    Text,
    1,
    NAME_MAX,
    allow_none=True,
    description="The snapshot of Icechunk that is described.",
    example="MS2EZR68CJKB",
)
Bytes = partial(Number, 0, BIGINT_MAX, allow_none=True)
Degrees = partial(Real, allow_none=True)
EXAMPLE_VARIABLE = {
    "dimensions": ["time", "lat", "lon"],
    "shape": [9226, 180, 360],
    "dtype": "float32",
    "units": "mm/day",
    "standard_name": "precipitation_flux",
    "long_name": "Daily precipitation",
    "coordinate": False,
    "chunks": [200, 180, 360],
}
EXAMPLE = {
    "variables": {"precip": EXAMPLE_VARIABLE},
    "dimensions": {"time": 9226, "lat": 180, "lon": 360},
    "attributes": {"title": "GPCP Daily 1.3"},
    "west": -180.0,
    "south": -89.5,
    "east": 180.0,
    "north": 89.5,
    "time_start": "1996-10-01T00:00:00Z",
    "time_end": "2021-12-31T00:00:00Z",
    "time_step": 86400.0,
    "bytes_in_memory": 2391379200,
    "zarr_format": 2,
    "consolidated": True,
    "engine": "zarr",
}


def must_be_plain(value: Any, depth: int = 2) -> None:
    """Refuse a value of an attribute that is not a short text, a number, true, false, null or a short list of them."""
    if isinstance(value, str) and len(value) <= TEXT_MAX and "\0" not in value:
        return
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) <= BIGINT_MAX):
        return
    if not isinstance(value, list) or len(value) > LIST_MAX or not depth:
        raise ValidationError(
            f"Must be a text of up to {TEXT_MAX} characters, a number, or a list of up to {LIST_MAX}."
        )
    for item in value:
        must_be_plain(item, depth - 1)


def by_name(value: fields.Field[Any], *, component: str, description: str, example: Any) -> fields.Dict:
    """Return an object with up to FIELDS_MAX of any names."""
    name = Text(1, NAME_MAX, description="A name.", example="time")
    metadata = {"description": description, "examples": [example], "component": component}
    limit = validate.Length(max=FIELDS_MAX)
    return fields.Dict(keys=name, values=value, required=True, validate=limit, metadata=metadata)


class VariableSchema(WriteSchema):
    dimensions = fields.List(
        Text(1, NAME_MAX, description="A dimension.", example="time"),
        required=True,
        validate=validate.Length(max=DIMENSIONS_MAX),
        metadata={"description": "The names of its dimensions.", "examples": [["time", "lat", "lon"]]},
    )
    shape = fields.List(
        Number(0, BIGINT_MAX, description="A size.", example=180),
        required=True,
        validate=validate.Length(max=DIMENSIONS_MAX),
        metadata={"description": "The sizes of its dimensions.", "examples": [[9226, 180, 360]]},
    )
    dtype = Text(0, NAME_MAX, required=True, description="The type of its values in NumPy.", example="float32")
    units = Text(0, NAME_MAX, load_default=None, allow_none=True, description="Its units.", example="mm/day")
    standard_name = Text(
        0,
        NAME_MAX,
        load_default=None,
        allow_none=True,
        description="Its name in the CF conventions.",
        example="precipitation_flux",
    )
    long_name = Text(
        0,
        NAME_MAX,
        load_default=None,
        allow_none=True,
        description="Its name for people.",
        example="Daily precipitation",
    )
    coordinate = Flag(load_default=False, description="Whether it is a coordinate.")
    chunks = fields.List(
        Number(0, BIGINT_MAX, description="A size.", example=180),
        load_default=None,
        allow_none=True,
        validate=validate.Length(max=DIMENSIONS_MAX),
        metadata={"description": "The shape of its chunks; null if it has none.", "examples": [[200, 180, 360]]},
    )


def described_fields(**options: Any) -> dict[str, fields.Field[Any]]:
    """Return the fields of a description. `options` are those of the fields that a request may omit."""
    time = partial(Timestamp, allow_none=True, **options)
    return {
        "variables": by_name(
            fields.Nested(VariableSchema),
            component="Variables",
            description="The variables and coordinates by name.",
            example={"precip": EXAMPLE_VARIABLE},
        ),
        "dimensions": by_name(
            Number(0, BIGINT_MAX, description="A size.", example=180),
            component="Dimensions",
            description="The sizes of the dimensions by name.",
            example={"time": 9226, "lat": 180, "lon": 360},
        ),
        "attributes": by_name(
            fields.Raw(allow_none=True, validate=must_be_plain),
            component="Attributes",
            description="The global attributes. Long texts and lists may be cut.",
            example={"title": "GPCP Daily 1.3"},
        ),
        "west": Degrees(-180, 180, **options, description="The western edge, in degrees.", example=-180.0),
        "south": Degrees(-90, 90, **options, description="The southern edge, in degrees.", example=-89.5),
        "east": Degrees(
            -180,
            180,
            **options,
            description="The eastern edge, in degrees; less than `west` if the extent crosses 180 degrees.",
            example=180.0,
        ),
        "north": Degrees(-90, 90, **options, description="The northern edge, in degrees.", example=89.5),
        "time_start": time(description="The first time. Years before 1 and after 9999 are clipped."),
        "time_end": time(description="The last time."),
        "time_step": Real(
            0,
            SECONDS_MAX,
            **options,
            allow_none=True,
            description="The usual seconds between two times; null if there is one time, or none.",
            example=86400.0,
        ),
        "bytes_stored": Bytes(**options, description="The bytes of the objects; null if unknown.", example=7 * 10**8),
        "bytes_in_memory": Bytes(**options, description="The bytes of all values in memory.", example=2391379200),
        "zarr_format": Number(2, 3, **options, allow_none=True, description="The version of Zarr.", example=2),
        "consolidated": Flag(
            **options,
            allow_none=True,
            description="Whether the metadata of a Zarr store is consolidated; null for other types.",
        ),
        "engine": Engine(),
        "snapshot_id": SnapshotId(**options),
    }


def _contradiction(variable: dict[str, Any], sizes: dict[str, int]) -> str | None:
    """Return what is wrong with the shape of a variable, as a sentence."""
    dimensions, shape = variable["dimensions"], variable["shape"]
    if len(dimensions) != len(shape):
        return "Must have as many dimensions as sizes in shape."
    differ = any(sizes.get(name, size) != size for name, size in zip(dimensions, shape, strict=True))
    return "Must have the sizes of its dimensions in shape." if differ else None


class DescriptionWrite(WriteSchema.from_dict(described_fields(load_default=None), name="DescriptionFields")):  # type: ignore[misc]  # a function creates it
    @validates_schema
    def must_agree(self, values: dict[str, Any], **_: Any) -> None:
        edges = [values[name] for name in ("west", "south", "east", "north")]
        if None in edges and any(edge is not None for edge in edges):
            raise ValidationError("Must have all of west, south, east and north, or none of them.", "west")
        if None not in edges and values["south"] > values["north"]:
            raise ValidationError("Must not be larger than north.", "south")
        start, end = values["time_start"], values["time_end"]
        if (start is None) != (end is None) or (start and start > end):
            raise ValidationError("Must not be after time_end, and both are given or none.", "time_start")
        for name, variable in values["variables"].items():
            if sentence := _contradiction(variable, values["dimensions"]):
                raise ValidationError({name: [sentence]}, "variables")


DescriptionRead = ReadSchema.from_dict(
    {
        **described_fields(required=True),
        "id": Id(required=True, description="The id of the dataset.", example=7),
        "described_at": Timestamp(required=True, description="When it was described."),
        "source": Choice(
            SOURCES,
            component="DescriptionSource",
            required=True,
            description="Who described it: an inspection by this service, or a runner.",
        ),
        "run_id": Id(required=True, allow_none=True, description="The run that built the data; null for a link."),
    },
    name="DescriptionRead",
)


class CheckRead(ReadSchema):
    id = BigId(required=True, description="The id of the check. The service assigns it.")
    dataset_id = Id(required=True, description="The id of the dataset.", example=7)
    at = Timestamp(required=True, description="When the dataset was checked.")
    healthy = Flag(
        required=True,
        allow_none=True,
        description="Whether the dataset is healthy; null if this service could not find out.",
        example=True,
    )
    seconds = Real(0, 1e6, required=True, description="How long the check took.", example=2.5)
    time_end = Timestamp(
        required=True, allow_none=True, description="The last time of the dataset; null if there is none."
    )
    results = fields.Dict(
        required=True,
        metadata={
            "description": "The single results by name, each with `ok` and a sentence. `ok` is null if it is not known "
            "or does not apply.",
            "examples": [{"reachable": {"ok": True, "sentence": "Its host answers."}}],
            "component": "CheckResults",
        },
    )


CheckQuery = page_query("DatasetCheckQuery", CheckRead, sort="desc", **time_range("checks"))
