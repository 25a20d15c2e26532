"""Triggers keep the datasets in the transaction that changes runs, whichever program writes them."""

from functools import partial
from random import Random

import pytest
from sqlalchemy import delete, insert, update

from app.extensions import db
from app.models import RecipeRun
from app.models.datasets import DATASETS
from app.services import dataset_repair
from tests.support.databases import application, downgrade, on_postgresql, sql, upgrade
from tests.support.factories import STARTED_AT, make_bakery, make_feedstock, make_link
from tests.support.threads import at_once

CHOICES = {
    "feedstock_id": (0, 1),
    "recipe_id": ("a", "b"),
    "dataset_type": ("zarr", None),
    "is_test": (False, True),
    "status": ("completed", "completed", "queued"),
    "conclusion": ("success", "success", "failure"),
    "dataset_public_url": ("https://a.org/1", "https://a.org/2", None),
}
FIXED = {"head_sha": "a", "version": "1", "started_at": STARTED_AT}
WRITERS = 8


def values(random, feedstocks, bakery):
    chosen = {name: random.choice(options) for name, options in CHOICES.items()}
    return FIXED | chosen | {"feedstock_id": feedstocks[chosen["feedstock_id"]], "bakery_id": bakery}


def write(random, feedstocks, bakery):
    """Insert, change and delete random runs, several in a statement."""
    run = values(random, feedstocks, bakery)
    some = RecipeRun.id % 5 == random.randrange(5)
    statement, rows = random.choice(
        [
            (insert(RecipeRun), [values(random, feedstocks, bakery) for _ in range(3)]),
            (update(RecipeRun).where(some).values({name: run[name] for name in random.sample([*CHOICES], 3)}), None),
            (delete(RecipeRun).where(some, RecipeRun.id % 7 == 0), None),
        ]
    )
    with db.engine.begin() as connection:
        connection.execute(statement, rows) if rows else connection.execute(statement)


def parents(app):
    return [make_feedstock(app).id for _ in range(2)], make_bakery(app).id


@pytest.mark.parametrize("seed", range(3))
def test_random_changes_of_runs_keep_the_datasets_exact(app, seed):
    feedstocks, bakery = parents(app)
    random = Random(seed)
    with app.app_context():
        for _ in range(60):
            write(random, feedstocks, bakery)
        assert db.session.query(DATASETS).count() > 4
        assert dataset_repair.repair() == 0


@on_postgresql
def test_concurrent_writers_keep_the_datasets_exact(app):
    feedstocks, bakery = parents(app)

    def writer(number):
        random = Random(number)
        with app.app_context():
            for _ in range(20):
                row = values(random, feedstocks, bakery)
                with db.engine.begin() as connection:
                    connection.execute(insert(RecipeRun), [row])

    at_once(*(partial(writer, number) for number in range(WRITERS)))
    with app.app_context():
        assert dataset_repair.repair() == 0


def test_the_repair_corrects_what_was_written_without_triggers(app):
    feedstocks, bakery = parents(app)
    with app.app_context():
        for seed in range(9):
            write(Random(seed), feedstocks, bakery)
        db.session.execute(update(DATASETS).values(build_count=99, url="https://wrong.org/", run_id=None))
        wrong = dataset_repair.repair()
        assert (wrong > 1, dataset_repair.repair()) == (True, 0)


def test_the_upgrade_leads_ids_that_were_merged_several_times_to_the_last_dataset(migrated_url):
    into = {1: 2, 2: 3, 3: 4, 4: None, 5: 4, 6: None}
    with application(migrated_url) as app:
        for number in reversed(into):
            make_link(app, id=number)
        downgrade(app, "0032_lists_in_order")
        for number, target in into.items():
            sql(app, f"UPDATE dataset SET merged_into = {target or 'NULL'} WHERE id = {number}")
        upgrade(app)
        found = dict(sql(app, "SELECT id, merged_into FROM dataset"))
    assert found == {1: 4, 2: 4, 3: 4, 4: None, 5: 4, 6: None}
