"""A small example catalogue, for a first look and for review apps: runs of every status and conclusion."""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.extensions import db
from app.models import Bakery, Feedstock, RecipeRun
from app.models.recipe_runs import CONCLUSIONS
from app.services import stats

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
FIRST_START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STORE = "https://ncsa.osn.xsede.org/Pangeo/pangeo-forge"


def load() -> dict[str, int]:
    """Add the examples, unless there is anything in the catalogue; how many records of each kind were added."""
    if any(stats.count(model) for model in (Bakery, Feedstock, RecipeRun)):
        return {}
    bakeries = [Bakery(region=region, name=name, description=text) for region, name, text in BAKERIES]
    feedstocks = [Feedstock(spec=spec, provider="github") for spec in FEEDSTOCKS]
    db.session.add_all([*bakeries, *feedstocks])
    db.session.flush()
    runs = [
        _run(number, bakeries[number % 2], feedstocks[1 + number % 3], **state)
        for number, state in enumerate(_states())
    ]
    db.session.add_all(runs)
    db.session.flush()
    return {"bakeries": len(bakeries), "feedstocks": len(feedstocks), "recipe runs": len(runs)}


def _states() -> list[dict[str, Any]]:
    """One run that waits, one at work, one of each conclusion, and tests of what was published."""
    ended = [{"status": "completed", "conclusion": conclusion} for conclusion in CONCLUSIONS]
    test = {"status": "completed", "conclusion": "success", "is_test": True}
    return [{"status": "queued"}, {"status": "in_progress"}, *ended, test, {**test, "conclusion": "failure"}]


def _run(number: int, bakery: Bakery, feedstock: Feedstock, **state: Any) -> RecipeRun:
    recipe_id = feedstock.spec.removeprefix("pangeo-forge/").removesuffix("-feedstock")
    started_at = FIRST_START + timedelta(days=number, minutes=7 * number)
    run = RecipeRun(
        recipe_id=recipe_id,
        bakery_id=bakery.id,
        feedstock_id=feedstock.id,
        head_sha=f"{number + 1:040x}",
        version="1.0",
        started_at=started_at,
        is_test=state.pop("is_test", False),
        dataset_type="zarr",
        **state,
    )
    if run.status == "completed":
        run.completed_at = started_at + timedelta(minutes=25 + number)
    if run.conclusion == "success":
        run.dataset_public_url = f"{STORE}/{feedstock.spec.split('/')[1]}/{recipe_id}.zarr"
    if run.conclusion == "failure":
        run.message = '{"trace": "FileNotFoundError: the archive answered 404"}'
    return run
