"""Opens the data of a dataset with xarray or pandas, as STAC says. It executes no code of the service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from pangeo_forge_client.errors import MissingPackageError, OpeningError
from pangeo_forge_client.transport import Transport, object_of

ENGINES = {"zarr", "kerchunk", "h5netcdf", "scipy", "netcdf4"}  # of xarray; another one may not be safe
LAZY: dict[str, Any] = {"chunks": {}}
# Options of fsspec for anonymous access, by the scheme of the url. STAC has them for xarray, but not for tables.
ANONYMOUS: dict[str, dict[str, Any]] = {"s3": {"anon": True}, "gs": {"token": "anon"}, "gcs": {"token": "anon"}}
REGION = "us-east-1"  # the S3 client requires one, which the url does not tell
BRANCH = "main"

Asset = Mapping[str, Any]
Opener = Callable[[Asset, "str | None", "dict[str, Any]"], Any]


def open_dataset(transport: Transport, id: int, snapshot_id: str | None, options: dict[str, Any]) -> Any:
    """Open a dataset.

    Raises OpeningError if its format is not known, and MissingPackageError if a package is not installed.
    """
    collection = object_of(transport.get(f"/stac/collections/{id}"))
    assets = [asset for asset in collection.get("assets", {}).values() if "data" in asset.get("roles", ())]
    opener = OPENERS.get(assets[0].get("type", "")) if assets else None
    if opener is None:
        raise OpeningError(f"The service does not know the format of dataset {id}, so it cannot be opened.")
    return opener(assets[0], snapshot_id, options)


def package(name: str) -> Any:
    """The package `name`. It is imported only here, because most users do not need it."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        sentence = f"This requires the package {error.name}: pip install 'pangeo-forge-client[xarray]' {error.name}"
        raise MissingPackageError(sentence) from None


def _open_xarray(asset: Asset, _snapshot_id: str | None, options: dict[str, Any]) -> Any:
    xarray, storage = package("xarray"), asset.get("xarray:storage_options")
    given = {"storage_options": storage} if storage else {}
    return xarray.open_dataset(asset["href"], **LAZY | _open_options(asset) | given | options)


def _open_netcdf(asset: Asset, _snapshot_id: str | None, options: dict[str, Any]) -> Any:
    xarray, fsspec = package("xarray"), package("fsspec")
    file = fsspec.open(asset["href"], **asset.get("xarray:storage_options", {})).open()
    return xarray.open_dataset(file, **LAZY | _open_options(asset) | options)


def _open_table(asset: Asset, _snapshot_id: str | None, options: dict[str, Any]) -> Any:
    storage = ANONYMOUS.get(_scheme(asset["href"]))
    package("pyarrow")
    return package("pandas").read_parquet(asset["href"], **{"storage_options": storage, **options})


def _open_icechunk(asset: Asset, snapshot_id: str | None, options: dict[str, Any]) -> Any:
    xarray, icechunk = package("xarray"), package("icechunk")
    repository = icechunk.Repository.open(icechunk_storage(icechunk, asset["href"]))
    version = {"snapshot_id": snapshot_id} if snapshot_id else {"branch": BRANCH}
    store = repository.readonly_session(**version).store
    return xarray.open_zarr(store, **LAZY | {"consolidated": False} | options)


# By the media types of the assets.
OPENERS: dict[str, Opener] = {
    "application/vnd.zarr": _open_xarray,
    "application/json": _open_xarray,
    "application/netcdf": _open_netcdf,
    "application/vnd.apache.parquet": _open_table,
    "application/vnd.zarr+icechunk": _open_icechunk,
}


def _open_options(asset: Asset) -> dict[str, Any]:
    options = dict(asset.get("xarray:open_kwargs", {}))
    if options.get("engine", "zarr") not in ENGINES:
        raise OpeningError(f"The service names an engine that this release does not know: {options['engine']}.")
    return options


def icechunk_storage(icechunk: Any, url: str) -> Any:
    """The storage of an Icechunk repository. A url of http(s) is an S3 endpoint, whose first segment is the bucket."""
    scheme, rest = _scheme(url), url.partition("://")[2].strip("/")
    host, _, path = rest.partition("/")
    bucket, _, prefix = (path if scheme in ("http", "https") else rest).partition("/")
    where: dict[str, Any] = {"bucket": bucket, "prefix": prefix or None, "anonymous": True}
    if scheme == "s3":
        return icechunk.s3_storage(**where, region=REGION)
    if scheme in ("gs", "gcs"):
        return icechunk.gcs_storage(**where)
    if scheme in ("http", "https"):
        endpoint = {"endpoint_url": f"{scheme}://{host}", "force_path_style": True, "allow_http": scheme == "http"}
        return icechunk.s3_storage(**where, region=REGION, **endpoint)
    raise OpeningError(f"An Icechunk repository at {url} cannot be opened.")


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower()
