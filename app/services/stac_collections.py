"""The fields of a STAC collection that describe a dataset; without a description or metadata, honest defaults.

Extensions: https://github.com/stac-extensions/datacube, zarr, xarray-assets and version.
"""

from typing import Any

from sqlalchemy import Row

from app.models.datasets import is_link
from app.models.opening import Opening

SCHEMA = "https://stac-extensions.github.io/{}/schema.json"
DATACUBE, ZARR, XARRAY, VERSION = map(
    SCHEMA.format, ("datacube/v2.3.0", "zarr/v1.1.0", "xarray-assets/v1.0.0", "version/v1.2.0")
)
# https://github.com/radiantearth/stac-spec/blob/master/best-practices.md#common-media-types-in-stac
MEDIA_TYPES = {
    "zarr": "application/vnd.zarr",
    "kerchunk": "application/json",
    "parquet": "application/vnd.apache.parquet",
    "netcdf": "application/netcdf",
    "icechunk": "application/vnd.zarr+icechunk",
}
ROLES = {"kerchunk": ["data", "references"]}  # readers look for Kerchunk references under this role
ANYWHERE = [-180, -90, 180, 90]
WITHDRAWN = "This dataset was withdrawn on {:%Y-%m-%d}, so its data may be gone."
# The types of data that STAC 1.1 knows, by the names of NumPy. All others are `other`.
_SIZES = {"float": (16, 32, 64), "int": (8, 16, 32, 64), "uint": (8, 16, 32, 64)}
DATA_TYPES = {f"{kind}{bits}": f"{kind}{bits}" for kind, sizes in _SIZES.items() for bits in sizes}
DATA_TYPES |= {"complex64": "cfloat32", "complex128": "cfloat64"}
VERTICAL = {"altitude", "height", "depth", "air_pressure"}  # standard names of CF
# By their standard names of CF: how their units begin, and the names that they have if nothing else tells.
HORIZONTAL = {"longitude": ("degrees_e", {"lon", "long", "longitude"}), "latitude": ("degrees_n", {"lat", "latitude"})}
UNKNOWN = [None, None]  # the extent of a dimension


def fields(row: Row[Any]) -> dict[str, Any]:
    """Return the fields of a collection but `type`, `assets` and `links`."""
    cube = _cube(row)
    asset = data_asset(row) or {}
    used = {
        DATACUBE: bool(cube),
        ZARR: any(name.startswith("zarr:") for name in asset),
        XARRAY: any(name.startswith("xarray:") for name in asset),
        VERSION: bool(_version(row)),
    }
    return {
        "stac_extensions": [schema for schema, is_used in used.items() if is_used],
        "id": str(row.id),
        "title": shown_title(row.title, row.feedstock, row.recipe_id),
        "description": _description(row),
        "license": row.license or "other",
        "extent": _extent(row),
        "providers": _providers(row),
        "created": row.first_build,
        "updated": row.last_build,
        **({"keywords": row.keywords} if row.keywords else {}),
        **_version(row),
        **cube,
    }


def shown_title(title: str | None, feedstock: str, recipe_id: str) -> str:
    return title or f"{feedstock}: {recipe_id}"


def data_asset(row: Row[Any]) -> dict[str, Any] | None:
    """Return the asset of the data; None if a browser would run its url as a script."""
    if not is_link(row.url):
        return None
    opening = opening_of(row)
    options = opening.open_options
    media_type, zarr = MEDIA_TYPES.get(opening.type or ""), opening.type == "zarr"
    if opening.type == "kerchunk" and row.url.rstrip("/").endswith((".parq", ".parquet")):
        media_type = MEDIA_TYPES["parquet"]
    optional = {
        "type": media_type,
        "zarr:consolidated": row.consolidated if zarr else None,
        "zarr:zarr_format": row.zarr_format if zarr else None,
        "xarray:open_kwargs": options or None,
        "xarray:storage_options": opening.storage_options if options else None,
    }
    asset = {"href": row.url, "roles": ROLES.get(opening.type or "", ["data"])}
    return asset | {name: value for name, value in optional.items() if value is not None}


def opening_of(row: Row[Any]) -> Opening:
    return Opening(row.dataset_type, row.url, row.snapshot_id, row.engine, row.consolidated)


def _description(row: Row[Any]) -> str:
    built = f"Built by the recipe {row.recipe_id} of the feedstock {row.feedstock}."
    text = row.description or (built if row.build_count else f"{row.recipe_id} of the feedstock {row.feedstock}.")
    return f"{WITHDRAWN.format(row.withdrawn_at)}\n\n{text}" if row.withdrawn_at else str(text)


def _extent(row: Row[Any]) -> dict[str, Any]:
    box = [row.west, row.south, row.east, row.north]
    bbox = ANYWHERE if None in box else box
    return {"spatial": {"bbox": [bbox]}, "temporal": {"interval": [[row.time_start, row.time_end]]}}


def _providers(row: Row[Any]) -> list[dict[str, Any]]:
    """Return the providers of the feedstock, and the bakery of the newest build."""
    given = [{name: value for name, value in provider.items() if value} for provider in row.providers or []]
    return given + ([{"name": row.bakery, "roles": ["processor"]}] if row.bakery else [])


def _version(row: Row[Any]) -> dict[str, Any]:
    """Return the version: the snapshot of Icechunk, else the number of the newest build."""
    version = row.snapshot_id or (row.run_id and str(row.run_id))
    return ({"version": version} if version else {}) | ({"deprecated": True} if row.withdrawn_at else {})


def _cube(row: Row[Any]) -> dict[str, Any]:
    if not row.dimensions or opening_of(row).type == "parquet":
        return {}
    variables = row.variables or {}
    return {
        "cube:dimensions": {name: _dimension(row, name, variables.get(name, {})) for name in row.dimensions},
        "cube:variables": {
            name: _variable(variable) for name, variable in variables.items() if name not in row.dimensions
        },
    }


def _dimension(row: Row[Any], name: str, coordinate: dict[str, Any]) -> dict[str, Any]:
    """Return a dimension: horizontal or temporal if its coordinate says so and its extent is known."""
    standard, units = str(coordinate.get("standard_name") or ""), str(coordinate.get("units") or "")
    unit = {"unit": units} if units else {}
    if row.west is not None and _is_horizontal("longitude", name, standard, units):
        east = row.east if row.west <= row.east else row.east + 360  # the extent crosses 180 degrees
        return {"type": "spatial", "axis": "x", "extent": [row.west, east]}
    if row.south is not None and _is_horizontal("latitude", name, standard, units):
        return {"type": "spatial", "axis": "y", "extent": [row.south, row.north]}
    if row.time_start and (standard == "time" or " since " in units):
        return {"type": "temporal", "extent": [row.time_start, row.time_end]}
    if standard in VERTICAL:
        return {"type": "spatial", "axis": "z", "extent": UNKNOWN} | unit
    return {"type": standard if standard not in ("", "geometry", "spatial") else "other", "extent": UNKNOWN} | unit


def _is_horizontal(axis: str, name: str, standard: str, units: str) -> bool:
    """Return whether a dimension is that of `axis`. A name counts if there are no attributes, as in an inspection."""
    start, names = HORIZONTAL[axis]
    return standard == axis or units.startswith(start) if standard or units else name.lower() in names


def _variable(variable: dict[str, Any]) -> dict[str, Any]:
    description = variable.get("long_name") or variable.get("standard_name")
    return {
        "dimensions": variable.get("dimensions", []),
        "type": "auxiliary" if variable.get("coordinate") else "data",
        "data_type": DATA_TYPES.get(str(variable.get("dtype")), "other"),
        **({"description": description} if description else {}),
        **({"unit": variable["units"]} if variable.get("units") else {}),
    }
