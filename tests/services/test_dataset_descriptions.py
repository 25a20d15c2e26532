"""Claims of inspections, and their results."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from app.database.columns import now
from app.extensions import db
from app.models import DatasetCheck, DatasetDescription, DatasetHealth, DatasetThumbnail
from app.models.dataset_descriptions import KEPT_CHECKS
from app.services import dataset_descriptions
from tests.support.inspections import DESCRIPTION, URL, make_dataset, record

PICTURE = {"png": b"PNG", "variable": "sst"}

MINUTE = timedelta(minutes=1)


def claim(app, ids=None, before=None, until=None):
    """The id of the dataset that was claimed, or None."""
    with app.app_context():
        task = dataset_descriptions.claim(ids, before or now(), until or now() + MINUTE)
        db.session.commit()
        return task and task.id


def rows(app, model):
    with app.app_context():
        return db.session.scalars(db.select(model)).all()


def test_a_dataset_is_claimed_once(app):
    id = make_dataset(app)
    assert (claim(app), claim(app)) == (id, None)


def test_many_claims_at_once_get_different_datasets(app):
    ids = {make_dataset(app) for _ in range(8)}
    with ThreadPoolExecutor(4) as pool:
        claimed = list(pool.map(lambda _: claim(app), range(10)))
    assert sorted(id for id in claimed if id) == sorted(ids)


def test_a_claim_that_has_expired_is_claimed_again(app):
    id = make_dataset(app)
    assert claim(app, until=now() - MINUTE) == id
    assert claim(app) == id


def test_a_result_ends_the_claim(app):
    id = make_dataset(app)
    claim(app)
    record(app, id)
    assert claim(app) == id


def test_those_that_were_never_checked_come_first_and_then_the_oldest(app):
    first, second, third = (make_dataset(app) for _ in range(3))
    for id in (second, first):
        claim(app, [id])
        record(app, id)
    assert [claim(app) for _ in range(4)] == [third, second, first, None]


def test_only_datasets_not_checked_since_a_time_are_claimed(app):
    id = make_dataset(app)
    claim(app)
    record(app, id)
    assert claim(app, before=now() - MINUTE) is None


def test_a_dataset_with_another_url_than_the_one_that_was_checked_is_claimed(app, writer):
    other, id = make_dataset(app), make_dataset(app)
    for number in (id, other):
        claim(app, [number])
        record(app, number)
    assert writer.patch(f"/recipe_runs/{id}", json={"dataset_public_url": f"{URL}/b"}).status_code == 200
    assert [claim(app, before=now() - MINUTE) for _ in range(2)] == [id, None]


def test_what_was_found_at_another_url_tells_neither_the_health_nor_how_to_open_it(app, client, writer):
    id = make_dataset(app)
    claim(app)
    record(app, id, description=DESCRIPTION | {"engine": "h5netcdf", "consolidated": None})
    found = client.get(f"/datasets/{id}").json
    assert (found["healthy"], found["format"]) == (True, "netcdf")
    other = make_dataset(app, feedstock_id=found["feedstock_id"], dataset_public_url=f"{URL}/b")
    now_found = client.get(f"/datasets/{id}").json
    assert (now_found["healthy"], now_found["format"], now_found["variables"]) == (None, "zarr", ["sst"])
    assert now_found["snippet"].endswith(f"xr.open_dataset('{URL}/b', engine='zarr', chunks={{}})")
    assert "netcdf" not in client.get("/catalog.yaml").text + client.get(f"/stac/collections/{id}").text
    for query, ids in (("format=netcdf", []), ("format=zarr", [id]), ("healthy=true", [])):
        assert [dataset["id"] for dataset in client.get(f"/datasets/?{query}").json] == ids
    assert "not checked" in client.get(f"/dashboard/datasets/{id}").text
    assert writer.delete(f"/recipe_runs/{other}").status_code == 200
    assert client.get(f"/datasets/{id}").json == found | {"builds": found["builds"]}


def test_datasets_that_are_withdrawn_are_not_claimed(app, admin):
    id = make_dataset(app)
    admin.delete(f"/recipe_runs/{id}")
    assert claim(app) is None


def test_a_result_is_a_description_a_check_and_the_newest_verdict(app):
    id = make_dataset(app)
    claim(app)
    end = datetime(2026, 1, 2, tzinfo=UTC)
    assert record(app, id, description=DESCRIPTION | {"time_start": end, "time_end": end}).healthy
    [description], [check], [health] = (rows(app, model) for model in (DatasetDescription, DatasetCheck, DatasetHealth))
    assert (description.id, description.run_id, description.source) == (id, id, "inspection")
    assert (check.dataset_id, check.healthy, check.time_end, check.seconds) == (id, True, end, 1.5)
    assert (health.checked_at, health.healthy, health.claimed_until) == (check.at, True, None)
    assert check.results["opens"] == {"ok": True, "sentence": "It opens: as Zarr 2."}


def test_a_dataset_that_does_not_open_keeps_its_description_and_its_picture(app):
    id = make_dataset(app)
    claim(app)
    record(app, id, picture=PICTURE)
    assert record(app, id, error="unreachable") == dataset_descriptions.Outcome(
        False, "Its host cannot be reached, or answered with an error."
    )
    assert len(rows(app, DatasetDescription)) == len(rows(app, DatasetThumbnail)) == 1
    assert [check.healthy for check in rows(app, DatasetCheck)] == [True, False]
    assert rows(app, DatasetHealth)[0].healthy is False


def test_a_dataset_that_opens_without_a_picture_loses_the_earlier_one(app):
    id = make_dataset(app)
    record(app, id, picture=PICTURE)
    record(app, id)
    assert rows(app, DatasetThumbnail) == []


def test_a_picture_that_was_not_drawn_because_of_a_limit_leaves_the_earlier_one(app):
    id = make_dataset(app)
    record(app, id, picture=PICTURE)
    record(app, id, has_picture=None)
    assert [(row.png, row.variable) for row in rows(app, DatasetThumbnail)] == [(b"PNG", "sst")]


def test_a_dataset_that_stopped_growing_is_behind_by_its_own_history(app):
    id = make_dataset(app)
    for days in (130, 120, 110):
        with app.app_context():
            at = now() - timedelta(days=days)
            db.session.add(DatasetCheck(dataset_id=id, at=at, seconds=1, time_end=at - timedelta(days=1), results={}))
            db.session.commit()
    end = now() - timedelta(days=111)
    outcome = record(app, id, description=DESCRIPTION | {"time_start": end, "time_end": end})
    assert (outcome.healthy, outcome.reason) == (False, "It is behind its own pace.")


def test_the_newest_hundred_checks_are_kept(app):
    id, other = make_dataset(app), make_dataset(app)
    record(app, other)
    for _ in range(KEPT_CHECKS + 3):
        record(app, id)
    checks = [check.id for check in rows(app, DatasetCheck) if check.dataset_id == id]
    assert (len(checks), min(checks)) == (KEPT_CHECKS, max(checks) - KEPT_CHECKS + 1)
    assert len(rows(app, DatasetCheck)) == KEPT_CHECKS + 1


def test_a_dataset_that_was_deleted_meanwhile_has_no_result(app):
    assert record(app, 12345).reason == "It was deleted meanwhile."


@pytest.mark.parametrize("model", [DatasetDescription, DatasetCheck, DatasetHealth, DatasetThumbnail])
def test_the_deletion_of_a_feedstock_deletes_all_that_is_known_of_its_datasets(app, model):
    id = make_dataset(app)
    claim(app)
    record(app, id, picture=PICTURE)
    with app.app_context():
        for statement in ("DELETE FROM reciperun", "DELETE FROM feedstock"):
            db.session.execute(db.text(statement))
        db.session.commit()
    assert rows(app, model) == []
