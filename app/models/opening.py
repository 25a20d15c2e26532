"""How programs open a dataset: what is known about it, and Python code and options that follow from that."""

from typing import Any

# Options of fsspec for anonymous access, by the scheme of the url. http and https do not need any.
ANONYMOUS_OPTIONS: dict[str, dict[str, Any]] = {"s3": {"anon": True}, "gs": {"token": "anon"}, "gcs": {"token": "anon"}}

DATASET_TYPES = ("zarr", "kerchunk", "parquet", "netcdf", "icechunk")
# The engine with which an inspection has opened a dataset tells its type, even if its runs say otherwise.
FILE_ENGINES = ("h5netcdf", "scipy")  # which open the file objects of fsspec
TYPE_OF_ENGINE = {name: name for name in DATASET_TYPES} | dict.fromkeys((*FILE_ENGINES, "netcdf4"), "netcdf")

BRANCH = "main"  # of an Icechunk repository
# The S3 client requires a region, which the url does not tell. Anonymous reads of other regions need another one.
REGION = "us-east-1"

XARRAY = "import xarray as xr\n\nds = xr.open_dataset({url}{options})"
NETCDF = "import fsspec\nimport xarray as xr\n\nds = xr.open_dataset(fsspec.open({url}{storage}).open(){options})"
PANDAS = "import pandas as pd\n\ndf = pd.read_parquet({url}{options})"
ICECHUNK = (
    "import icechunk\nimport xarray as xr\n\n"
    "repo = icechunk.Repository.open(icechunk.{storage})\n"
    "ds = xr.open_zarr(repo.readonly_session({version}).store, consolidated=False, chunks={{}})"
)


class Opening:
    """What is known about a dataset: `engine` and `consolidated` are those that an inspection has found, else None.

    `type` is one of DATASET_TYPES, or None if it is unknown.
    """

    __slots__ = ("consolidated", "engine", "snapshot_id", "type", "url")

    def __init__(
        self,
        dataset_type: str | None,
        url: str,
        snapshot_id: str | None = None,
        engine: str | None = None,
        consolidated: bool | None = None,
    ) -> None:
        self.type = TYPE_OF_ENGINE.get(engine or "") or (dataset_type if dataset_type in DATASET_TYPES else None)
        self.url, self.snapshot_id, self.engine, self.consolidated = url, snapshot_id, engine, consolidated

    @property
    def storage_options(self) -> dict[str, Any] | None:
        """The options of fsspec for anonymous access; None if it does not need any."""
        options = ANONYMOUS_OPTIONS.get(self.url.partition("://")[0].lower())
        if options and self.type == "kerchunk":
            return {"target_options": options, "remote_options": options}
        return options

    @property
    def open_options(self) -> dict[str, Any]:
        """The options of `xarray.open_dataset` besides those of the storage: an engine, and `consolidated` if known.

        Without an engine, xarray recognises the format of a NetCDF file.
        """
        if self.type == "zarr" and self.consolidated is not None:
            return {"engine": "zarr", "consolidated": self.consolidated}
        if self.type == "netcdf" and self.engine in FILE_ENGINES:
            return {"engine": self.engine}
        return {"engine": self.type} if self.type in ("zarr", "kerchunk") else {}

    @property
    def icechunk_storage(self) -> tuple[str, dict[str, Any]] | None:
        """The name of the function of icechunk that returns the storage, and its arguments; None if there is none.

        A url of http(s) is read as an S3 endpoint, whose first segment is the bucket.
        """
        scheme, _, rest = self.url.partition("://")
        host, _, path = rest.strip("/").partition("/")
        bucket, _, prefix = (path if scheme.lower() in ("http", "https") else rest).strip("/").partition("/")
        where: dict[str, Any] = {"bucket": bucket, "prefix": prefix or None, "anonymous": True}
        match scheme.lower():
            case "s3":
                return "s3_storage", where | {"region": REGION}
            case "gs" | "gcs":
                return "gcs_storage", where
            case "http" | "https":
                endpoint = {"region": REGION, "endpoint_url": f"{scheme}://{host}", "force_path_style": True}
                return "s3_storage", where | endpoint | ({"allow_http": True} if scheme.lower() == "http" else {})
        return ("local_filesystem_storage", {"path": self.url}) if not rest else None

    @property
    def snippet(self) -> str | None:
        """Python code that opens the dataset; None if its type is unknown."""
        if self.type == "icechunk":
            return self._icechunk_snippet()
        url, storage = repr(self.url), self.storage_options or {}
        given = {"storage_options": storage} if storage else {}
        if self.type == "netcdf":
            options = _arguments(self._options_for_people())
            return NETCDF.format(url=url, storage=_arguments(storage), options=options)
        if self.type == "parquet":
            return PANDAS.format(url=url, options=_arguments(given))
        return XARRAY.format(url=url, options=_arguments(self._options_for_people() | given)) if self.type else None

    def _icechunk_snippet(self) -> str | None:
        if not (found := self.icechunk_storage):
            return None
        name, where = found
        version = f"snapshot_id={self.snapshot_id!r}" if self.snapshot_id else repr(BRANCH)
        return ICECHUNK.format(storage=f"{name}({_arguments(where)[2:]})", version=version)

    def _options_for_people(self) -> dict[str, Any]:
        """Return `open_options` and lazy chunks. xarray finds consolidated metadata by itself."""
        options = {name: value for name, value in self.open_options.items() if value is not True}
        engine = {"engine": options.pop("engine")} if "engine" in options else {}
        return engine | {"chunks": {}} | options


def _arguments(options: dict[str, Any]) -> str:
    return "".join(f", {name}={value!r}" for name, value in options.items())
