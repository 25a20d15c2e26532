"""Names are brought into their normal form, unless two records would then have one name: people must decide."""

import unicodedata

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from tests.support.databases import application, contents, downgrade, schema, sql, upgrade

BEFORE = "0017_readable_times"
NORMAL = {
    "https://github.com/pangeo-forge/gpcp-feedstock.git": "pangeo-forge/gpcp-feedstock",
    " A/B ": "A/B",
    "git@github.com:a/c.git": "a/c",
    "no repository": "no repository",
    "Oce\u0301ans": "Océans",
    "a/É": "a/É",
    "a/é": "a/é",
}


@pytest.fixture
def app(empty_url):
    """An application on a database before the migration."""
    with application(empty_url) as app:
        upgrade(app, BEFORE)
        yield app


def insert(app, *names, provider="github"):
    """Insert a feedstock and a bakery for each name."""
    with app.app_context(), db.engine.begin() as connection:
        for name in names:
            values = {"name": name, "provider": provider}
            connection.execute(text("INSERT INTO feedstock (spec, provider) VALUES (:name, :provider)"), values)
            connection.execute(text("INSERT INTO bakery (region, name, description) VALUES ('r', :name, '')"), values)


def specs(app):
    return [spec for (spec,) in sql(app, "SELECT spec FROM feedstock ORDER BY id")]


def test_upgrade_brings_names_into_their_normal_form(app):
    insert(app, *NORMAL)
    upgrade(app)
    assert specs(app) == [*NORMAL.values()]
    bakeries = [name for (name,) in sql(app, "SELECT name FROM bakery ORDER BY id")]
    assert bakeries == [unicodedata.normalize("NFC", name.strip()) for name in NORMAL]


def test_upgrade_leaves_the_names_of_other_hosts(app):
    insert(app, "https://github.com/a/b", "A/b", provider="gitlab")
    insert(app, "a/b.git")
    upgrade(app)
    assert specs(app) == ["https://github.com/a/b", "A/b", "a/b"]


def test_upgrade_that_finds_one_name_twice_names_all_of_them_and_changes_nothing(app, caplog):
    insert(app, "a/b", "A/b.git", "Oce\u0301ans", "https://github.com/a/B", "Océans")
    before = schema(app), contents(app)
    with pytest.raises(SystemExit):
        upgrade(app)
    assert caplog.messages[-1] == (
        "Error: These records would have the same name: bakery 3 (Oce\u0301ans) and 5 (Océans); feedstock 1 (a/b) and "
        "2 (A/b.git) and 4 (https://github.com/a/B); feedstock 3 (Oce\u0301ans) and 5 (Océans). Merge feedstocks with "
        "`flask feedstocks merge A B`, where A and B are ids: it moves the runs of B to A and deletes B. Rename "
        "bakeries. Then upgrade again. Nothing was changed."
    )
    assert (schema(app), contents(app)) == before


@pytest.mark.parametrize("table", ["feedstock", "feedstock_alias"])
def test_the_database_refuses_a_name_in_another_case(app, table):
    insert(app, "x/y")
    upgrade(app)
    columns = ("feedstock_id, ", "1, ") if table == "feedstock_alias" else ("", "")
    statement = f"INSERT INTO {table} ({columns[0]}provider, spec) VALUES ({columns[1]}'{{}}', '{{}}')"
    for provider, spec in (("github", "a/É"), ("github", "a/é"), ("gitlab", "A/é")):
        sql(app, statement.format(provider, spec))
    with pytest.raises(IntegrityError):
        sql(app, statement.format("github", "A/é"))


def test_downgrade_removes_former_names(app):
    insert(app, "a/b")
    before = schema(app), contents(app)
    upgrade(app)
    sql(app, "INSERT INTO feedstock_alias (feedstock_id, provider, spec) VALUES (1, 'github', 'a/old')")
    downgrade(app, BEFORE)
    assert (schema(app), contents(app)) == before
