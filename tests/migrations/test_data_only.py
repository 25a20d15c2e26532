"""The steps in docs/operating/backup.md restore the data of a dump into migrated tables (`pg_restore --data-only`)."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from app.ops import doctor
from tests.migrations.test_run_counts import exact
from tests.routes.test_datasets import publish
from tests.support import catalogue, postgres
from tests.support.apps import ADMIN_KEY, environment
from tests.support.databases import HEAD, ORIGINAL, application, contents, fill, on_postgresql, sql, upgrade
from tests.support.factories import make_feedstock, make_run
from tests.support.live import ROOT

pytestmark = on_postgresql
needs_dump = pytest.mark.skipif(not catalogue.DUMP, reason="PANGEO_FORGE_DUMP names no dump of the original's database")
KEY = {"X-API-Key": ADMIN_KEY}
SECTION = (ROOT / "docs/operating/backup.md").read_text().partition("### Data only")[2].partition("## ")[0]
*_, STEPS = re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL)
TOOLS = str(Path(postgres.tool("pg_restore")).parent)


@pytest.fixture
def restore(flask_programs, tmp_path):
    """A function that runs the documented steps until one fails, and returns the exit code and the output."""
    path = os.pathsep.join([flask_programs, TOOLS, os.environ["PATH"]])

    def restore(url, dump, revision):
        script = STEPS.replace(".venv/bin/", "").replace("$REVISION", revision)
        for name in ("all.list", "catalogue.list", "datasets.list"):
            script = script.replace(name, f"{tmp_path}/{name}")
        return subprocess.run(
            ["bash", "-ec", script.replace("catalogue.dump", str(dump))],
            cwd=ROOT,
            env=os.environ | environment(url) | {"PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    return restore


def problems(app):
    with app.app_context():
        return [name for name, _, passed in doctor.examine() if not passed]


@pytest.fixture
def dumped(migrated_url, tmp_path):
    """A dump of a database with three runs, one with a dataset,, and the contents of the database."""
    with application(migrated_url) as app:
        fill(app)
        make_run(app, bakery_id=1, feedstock_id=1, rerun_of=1)
        publish(app, make_feedstock(app))
        app.test_client().patch("/recipe_runs/2", json={"version": "2"}, headers=KEY)
        target, dump = migrated_url.render_as_string(hide_password=False), tmp_path / "our.dump"
        subprocess.run([postgres.tool("pg_dump"), "-Fc", "-f", dump, target], check=True)
        return dump, contents(app)


def test_the_steps_restore_every_row_and_the_counts(dumped, empty_url, restore):
    dump, before = dumped
    assert restore(empty_url, dump, HEAD).returncode == 0
    with application(empty_url) as app:
        assert contents(app) == before
        assert exact(app)
        assert problems(app) == []
        assert make_run(app, bakery_id=1, feedstock_id=1).id == 4


def test_a_restore_that_fails_changes_nothing(dumped, empty_url, restore):
    with application(empty_url) as app:
        upgrade(app)
        fill(app)
        before = contents(app)
        restored = restore(empty_url, dumped[0], HEAD)
        assert (restored.returncode, "duplicate key" in restored.stdout) == (1, True)
        assert contents(app) == before


def test_without_triggers_the_doctor_asks_for_a_recount(dumped, empty_url, restore, monkeypatch):
    monkeypatch.setattr(f"{__name__}.STEPS", STEPS.replace("--data-only", "--data-only --disable-triggers"))
    restored = restore(empty_url, dumped[0], HEAD)
    assert "There are 3 runs, but the counts say 0. Run `flask runs recount`." in restored.stdout
    with application(empty_url) as app:
        assert app.test_cli_runner().invoke(args=["runs", "recount"]).output.startswith("Corrected ")
        assert exact(app)


def test_the_revision_of_a_dump_is_printed_as_documented(dumped):
    [command] = re.findall(r"`(pg_restore -f - .+?)`", SECTION.replace("\n", " "))
    program, *options = command.replace("catalogue.dump", str(dumped[0])).split()
    printed = subprocess.run([postgres.tool(program), *options], capture_output=True, text=True, check=True).stdout
    assert f"\n{HEAD}\n" in printed


@needs_dump
def test_the_production_dump_restores_like_a_complete_restore(empty_url, postgres_server, restore):
    assert restore(empty_url, catalogue.DUMP, ORIGINAL[-1]).returncode == 0
    with application(empty_url) as app, postgres.database(postgres_server) as complete:
        catalogue.restore(complete)
        with application(complete) as other:
            upgrade(other)
            assert contents(app) == contents(other)
        assert exact(app)
        assert problems(app) == []
        assert sql(app, "SELECT count(*) FROM reciperun") == [(1416,)]
