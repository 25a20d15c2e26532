"""A small example catalogue with runs of every status and conclusion, for new installations and review apps."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from app.extensions import db
from app.models import AuditEntry, Bakery, Feedstock, RecipeRun
from app.models.api_keys import WRITE_SCOPE
from app.models.datasets import DATASETS
from app.models.recipe_runs import CONCLUSIONS, SYSTEM
from app.services import api_keys, feedstock_metadata, stats

BAKERIES = (
    ("us-central1", "pangeo-ldeo-nsf-earthcube", "Dataflow, operated by Lamont-Doherty Earth Observatory."),
    ("us-west-2", "devseed-veda", "Flink on EKS, operated by Development Seed."),
    ("local", "laptop", "A contributor's own machine, for trying recipes out."),
)
FEEDSTOCKS = (
    "pangeo-forge/staged-recipes",
    "pangeo-forge/gpcp-feedstock",
    "pangeo-forge/noaa-oisst-avhrr-feedstock",
    "pangeo-forge/cmip6-feedstock",
)
# What the data of the feedstocks are about, by their names.
METADATA: dict[str, dict[str, Any]] = {
    "pangeo-forge/gpcp-feedstock": {
        "title": "Global Precipitation Climatology Project",
        "description": "Daily precipitation on a grid of one degree, merged from satellites and gauges, since 1996.",
        "license_text": "No constraints on data access or use.",
        "providers": [
            {
                "name": "University of Maryland",
                "roles": ["producer"],
                "url": "http://gpcp.umd.edu/",
                "description": None,
            },
            {
                "name": "NOAA NCEI",
                "roles": ["host", "licensor"],
                "url": "https://www.ncei.noaa.gov",
                "description": None,
            },
        ],
        "keywords": ["precipitation", "satellite", "climate data record"],
    },
    "pangeo-forge/noaa-oisst-avhrr-feedstock": {
        "title": "NOAA Optimum Interpolation SST",
        "description": "Daily sea surface temperature on a grid of a quarter degree, from satellites, ships and buoys.",
        "license": "CC-BY-4.0",
        "license_url": "https://creativecommons.org/licenses/by/4.0/",
        "providers": [
            {"name": "NOAA NCEI", "roles": ["producer"], "url": "https://www.ncei.noaa.gov", "description": None},
        ],
        "keywords": ["ocean", "sea surface temperature", "satellite"],
    },
    "pangeo-forge/cmip6-feedstock": {
        "title": "CMIP6",
        "description": "Simulations of the Coupled Model Intercomparison Project, phase 6.",
        "license": "CC-BY-4.0",
        "providers": [
            {
                "name": "ESGF",
                "roles": ["host"],
                "url": "https://esgf-node.llnl.gov/projects/cmip6/",
                "description": None,
            },
        ],
        "keywords": ["climate model", "CMIP6"],
    },
}
# Commits of these repositories, the oldest first, so that the links of the dashboard lead to pages that exist.
COMMITS = {
    "pangeo-forge/gpcp-feedstock": (
        "bdc972dfa384157ce76ba112588adfc9d20f58e9",
        "8a0b5bf4c33f6da7ada39b92e388af4fe3d8dc15",
        "2cde04745189665a1f5a05c9eae2a98578de8b7f",
    ),
    "pangeo-forge/noaa-oisst-avhrr-feedstock": (
        "52ddc9f31e46dc8c7e4df4dbdc7cf2716d8f8d72",
        "c02f4c0206728d7fee34a54e9adfa3240498e1a4",
        "64bb1c63bb41b582f53928f98d9e2b291b8db32c",
    ),
    "pangeo-forge/cmip6-feedstock": (
        "5ae5ec1f9f1850f0e6924be362f42ac2076d0c36",
        "d7ae1b73acb99cfb24c6f4c663aeb2c3fc93e87e",
        "187df16a2b3263e2bb77f3d7c98042e4d6cc545e",
    ),
}
# A source file that is missing, by feedstock. The year 2026 has no 29 February.
MISSING = {
    "pangeo-forge/noaa-oisst-avhrr-feedstock": (
        "https://www.ncei.noaa.gov/data/sea-surface-temperature-optimum-interpolation/v2.1/access/avhrr/202602/"
        "oisst-avhrr-v02r01.20260229.nc"
    ),
    "pangeo-forge/cmip6-feedstock": (
        "https://esgf-node.llnl.gov/thredds/fileServer/css03_data/CMIP6/CMIP/NCAR/CESM2/historical/r1i1p1f1/Amon/tas/"
        "gn/v20190308/tas_Amon_CESM2_historical_r1i1p1f1_gn_185001-201412.nc"
    ),
}
# How long before the end of the examples the unfinished runs have started: the first two.
UNFINISHED = (timedelta(minutes=4), timedelta(minutes=17))
LAST, STEP = timedelta(hours=2), timedelta(days=1, minutes=7)  # the same of the last run, and between completed runs
STORE = "https://ncsa.osn.xsede.org/Pangeo/pangeo-forge"
BUILT = {12: 2, 13: 3, 14: 2}  # by the index of a run that succeeded, the index of its feedstock
# The datasets that this service has itself, below /docs/examples, by feedstock: path, type, title and description.
OWN = {
    "pangeo-forge/gpcp-feedstock": (
        *("precipitation.zarr", "zarr", "Monthly precipitation (example)"),
        "Made-up values on a grid of two degrees that look like the precipitation of the year 2024, in Zarr 3.",
    ),
    "pangeo-forge/noaa-oisst-avhrr-feedstock": (
        *("sst.zarr", "zarr", "Monthly sea surface temperature (example)"),
        "Made-up values on a grid of two degrees that look like the temperatures of the year 2024, in Zarr 2.",
    ),
    "pangeo-forge/cmip6-feedstock": (
        *("air-temperature.json", "kerchunk", "Monthly air temperature of Europe (example)"),
        "Made-up values that look like the air temperature of the year 2024, as Kerchunk references.",
    ),
}


def load(salt: str, until: datetime, address: str = "") -> dict[str, int]:
    """Add the examples if the catalogue is empty. Return how many records of each kind were added; {} if none.

    `salt` is that of API keys. The example of a key is only its digest, so it gives no access. `until` is the time at
    which the examples look at the catalogue: it has runs of the two weeks before. With the `address` of this service,
    the datasets are OWN ones, which exist; without it, they are addresses of a host that had such datasets.
    """
    if any(stats.count(model) for model in (Bakery, Feedstock, RecipeRun)):
        return {}
    bakeries = [Bakery(region=region, name=name, description=text) for region, name, text in BAKERIES]
    feedstocks = [Feedstock(spec=spec, provider="github") for spec in FEEDSTOCKS]
    db.session.add_all([*bakeries, *feedstocks])
    db.session.flush()
    for feedstock in feedstocks:
        if values := METADATA.get(feedstock.spec):
            feedstock_metadata.save(feedstock.id, values)
    runs = [
        _run(index, bakeries[index % 2], feedstocks[BUILT.get(index, 1 + index % 3)], start, address, **state)
        for index, (start, state) in enumerate(zip(_starts(until), _states(), strict=True))
    ]
    db.session.add_all(runs)
    db.session.flush()
    for run in runs:
        run.explain()
    if address:
        _name_datasets(feedstocks)
    api_keys.create({"label": "example", "scopes": [WRITE_SCOPE]}, SYSTEM, salt)
    return {"bakeries": len(bakeries), "feedstocks": len(feedstocks), "recipe runs": len(runs), "API key": 1}


def loaded_at() -> datetime | None:
    """Return when the examples were loaded; None if this database has none. Their load is its first audited write."""
    first = db.session.execute(select(AuditEntry.action, AuditEntry.at).order_by(AuditEntry.id).limit(1)).first()
    return first.at if first and first.action == "seed" else None


def _states() -> list[dict[str, Any]]:
    """Return the states of the runs: one of each status and conclusion, two test runs, and some builds."""
    completed = [{"status": "completed", "conclusion": conclusion} for conclusion in CONCLUSIONS]
    success: dict[str, Any] = {"status": "completed", "conclusion": "success"}
    tests = [success | {"is_test": True}, success | {"is_test": True, "conclusion": "failure"}]
    return [{"status": "queued"}, {"status": "in_progress"}, *completed, *tests, *(dict(success) for _ in BUILT)]


def _starts(until: datetime) -> list[datetime]:
    """Return the start of each run of `_states`, to the minute."""
    until = until.replace(second=0, microsecond=0)
    completed = range(len(_states()) - len(UNFINISHED))
    return [until - ago for ago in (*UNFINISHED, *(LAST + STEP * index for index in reversed(completed)))]


def _run(
    index: int, bakery: Bakery, feedstock: Feedstock, started_at: datetime, address: str, **state: Any
) -> RecipeRun:
    recipe_id = feedstock.spec.removeprefix("pangeo-forge/").removesuffix("-feedstock")
    path, dataset_type, *_ = OWN[feedstock.spec]
    run = RecipeRun(
        recipe_id=recipe_id,
        bakery_id=bakery.id,
        feedstock_id=feedstock.id,
        head_sha=_commit(feedstock.spec, index),
        version="1.0",
        started_at=started_at,
        is_test=state.pop("is_test", False),
        dataset_type=dataset_type,
        **state,
    )
    if run.status == "completed":
        run.completed_at = started_at + timedelta(minutes=25 + index)
    if run.conclusion == "success":
        store = f"{STORE}/{feedstock.spec.split('/')[1]}/{recipe_id}{path[path.rindex('.') :]}"
        run.dataset_public_url = f"{address}/docs/examples/{path}" if address else store
    if run.conclusion == "failure":
        run.message = f'{{"trace": "FileNotFoundError: {MISSING[feedstock.spec]}"}}'
    return run


def _commit(spec: str, index: int) -> str:
    """Return the commit of a run: the first two runs are the newest, and the others are in the order of their start."""
    commits = COMMITS[spec]
    return commits[-1] if index < len(UNFINISHED) else commits[index * len(commits) // len(_states())]


def _name_datasets(feedstocks: list[Feedstock]) -> None:
    """Give the datasets their own titles, because their values are not those that the feedstocks are about."""
    for feedstock in feedstocks:
        if feedstock.spec in OWN:
            *_, title, description = OWN[feedstock.spec]
            of_feedstock = update(DATASETS).where(DATASETS.c.feedstock_id == feedstock.id)
            db.session.execute(of_feedstock.values(title=title, description=description))
