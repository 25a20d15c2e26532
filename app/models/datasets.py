"""Datasets: one entry for all published builds of one recipe."""

import re
from datetime import datetime
from typing import Any, ClassVar, cast

from sqlalchemy import ColumnElement, String, func, select, type_coerce
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, aliased
from sqlalchemy.types import TypeDecorator

from app.database.filters import Filter, since, until
from app.database.record import Record
from app.models.bakeries import Bakery
from app.models.feedstocks import Feedstock, names_repository
from app.models.recipe_runs import RecipeRun

# Options of fsspec for anonymous access, by the scheme of the url. http and https do not need any.
ANONYMOUS_OPTIONS: dict[str, dict[str, Any]] = {"s3": {"anon": True}, "gs": {"token": "anon"}, "gcs": {"token": "anon"}}

# Schemes of urls that contain what a browser runs or shows, and the characters that it ignores before and in a scheme.
SCRIPTS = ("javascript:", "vbscript:", "data:")
IGNORED_BY_BROWSERS = re.compile("^[\\x00-\\x20]+|[\\t\\n\\r]")

SNIPPETS = {
    "zarr": "import xarray as xr\n\nds = xr.open_dataset({}, engine='zarr', chunks={{}}{})",
    "kerchunk": "import xarray as xr\n\nds = xr.open_dataset({}, engine='kerchunk', chunks={{}}{})",
    "parquet": "import pandas as pd\n\ndf = pd.read_parquet({}{})",
}

# Runs with equal values in these columns build the same dataset.
KEY = ("feedstock_id", "recipe_id", "dataset_type", "is_test")

_key = [getattr(RecipeRun, name) for name in KEY]
_builds = (
    select(
        *_key,
        func.min(RecipeRun.id).label("first_id"),
        func.max(RecipeRun.id).label("last_id"),
        func.count().label("build_count"),
    )
    .where(RecipeRun.published())
    .group_by(*_key)
    .subquery()
)
_first, _last = aliased(RecipeRun), aliased(RecipeRun)
_datasets = (
    select(
        *(_builds.c[name] for name in KEY),
        _builds.c.build_count,
        _first.id,
        _first.started_at.label("first_build"),
        _last.started_at.label("last_build"),
        _last.id.label("run_id"),
        _last.dataset_public_url.label("url"),
        _last.bakery_id,
        Bakery.name.label("bakery"),
        Bakery.region,
        Feedstock.spec.label("feedstock"),
    )
    .join(_first, _first.id == _builds.c.first_id)
    .join(_last, _last.id == _builds.c.last_id)
    .join(Bakery, Bakery.id == _last.bakery_id)
    .join(Feedstock, Feedstock.id == _builds.c.feedstock_id)
    .subquery("dataset")
)
# `database.pages` reads `nullable` of a column. SQLAlchemy does not know it for a computed column.
cast(Any, _datasets.c.build_count).nullable = False


class _Snippet(TypeDecorator[str | None]):
    """Converts a text, the dataset type, a blank and the url, to a snippet."""

    impl = String
    cache_ok = True

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        dataset_type, _, url = str(value).partition(" ")
        return snippet(dataset_type, url)


class Dataset(Record):
    """A query over recipe runs, not a table.

    `id` is the id of the first build, so that it does not change with later builds. `run_id` is the id of the newest
    build, which has the current url.
    """

    __table__ = _datasets
    __mapper_args__ = {"primary_key": [_datasets.c.id]}

    noun = "dataset"
    filters: ClassVar[dict[str, Filter]] = {
        "feedstock": names_repository("feedstock"),
        "since": since("last_build"),
        "until": until("last_build"),
    }

    id: Mapped[int]
    url: Mapped[str]
    feedstock: Mapped[str]
    feedstock_id: Mapped[int]
    recipe_id: Mapped[str]
    dataset_type: Mapped[str | None]
    is_test: Mapped[bool]
    bakery: Mapped[str]
    bakery_id: Mapped[int]
    region: Mapped[str]
    first_build: Mapped[datetime]
    last_build: Mapped[datetime]
    build_count: Mapped[int]
    run_id: Mapped[int]

    @hybrid_property
    def snippet(self) -> str | None:
        return snippet(self.dataset_type, self.url)

    @snippet.inplace.expression
    @classmethod
    def _select_snippet(cls) -> ColumnElement[str | None]:
        return type_coerce(func.coalesce(cls.dataset_type, "") + " " + cls.url, _Snippet)


def storage_options(dataset_type: str | None, url: str) -> dict[str, Any] | None:
    """Return the options of fsspec for anonymous access to `url`; None if it does not need any."""
    options = ANONYMOUS_OPTIONS.get(url.partition("://")[0].lower())
    if options and dataset_type == "kerchunk":
        return {"target_options": options, "remote_options": options}
    return options


def is_link(url: str) -> bool:
    """Whether `url` may become a link: not if a browser would run it as a script.

    A browser ignores some characters of a url (https://url.spec.whatwg.org/#url-parsing).
    """
    seen = IGNORED_BY_BROWSERS.sub("", url).lower()
    return not seen.startswith(SCRIPTS)


def snippet(dataset_type: str | None, url: str) -> str | None:
    """Return Python code that opens the dataset at `url`; None if its type is unknown."""
    template, options = SNIPPETS.get(dataset_type or ""), storage_options(dataset_type, url)
    return template and template.format(repr(url), f", storage_options={options}" if options else "")
