"""A record with many runs is read in batches and written to a temporary file. The answer stays the same."""

import errno
import gc
import os
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from threading import Event, Semaphore

import pytest
from sqlalchemy import insert

from app.database import fairness, rows
from app.extensions import db
from app.models import RecipeRun
from app.web import documents
from tests.support.apps import application
from tests.support.factories import STARTED_AT, make_bakery, make_feedstock


def make_runs(app, count, **columns):
    """A feedstock with `count` runs."""
    feedstock, bakery = make_feedstock(app), make_bakery(app)
    run = {"recipe_id": "gpcp", "bakery_id": bakery.id, "feedstock_id": feedstock.id, "head_sha": "35d889f"}
    run |= {"version": "1.0", "started_at": STARTED_AT, "message": "ö" * 20} | columns
    with app.app_context():
        if count:
            db.session.execute(insert(RecipeRun.__table__), [run] * count)
            db.session.commit()
    return feedstock


@pytest.fixture(params=[1, 10**6], ids=["through a file", "in memory"])
def in_memory(request, monkeypatch):
    monkeypatch.setattr(documents, "IN_MEMORY", request.param)
    monkeypatch.setattr(rows, "BATCH", 3)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 6, 7])
def test_a_detail_in_batches_has_the_same_bytes(app, client, monkeypatch, count):
    path = f"/feedstocks/{make_runs(app, count).id}"
    at_once = client.get(path)
    monkeypatch.setattr(rows, "BATCH", 3)
    in_batches = client.get(path)
    assert len(at_once.json["recipe_runs"]) == count
    assert (in_batches.data, in_batches.headers["ETag"]) == (at_once.data, at_once.headers["ETag"])


@pytest.mark.usefixtures("in_memory")
@pytest.mark.parametrize("count", [0, 1, 3, 4, 7])
def test_builds_in_batches_are_complete_and_in_order(app, client, count):
    published = {"status": "completed", "conclusion": "success", "dataset_public_url": "https://data.org/a.zarr"}
    path = f"/feedstocks/{make_runs(app, count, **published).id}/datasets"
    answer = client.get(path, buffered=True)
    ids = [build["id"] for build in answer.json]
    assert ids == sorted(ids)
    assert (len(ids), answer.content_length) == (count, len(answer.data))
    assert client.get(f"{path}?type=test", buffered=True).data == b"[]"


@pytest.mark.usefixtures("in_memory")
def test_a_long_detail_has_a_length_and_an_etag_and_can_be_304(app, client):
    path = f"/feedstocks/{make_runs(app, 4).id}"
    answer = client.get(path, buffered=True)
    assert answer.content_length == len(answer.data)
    known = client.get(path, headers={"If-None-Match": answer.headers["ETag"]}, buffered=True)
    assert (known.status_code, known.data) == (304, b"")
    head = client.head(path, buffered=True)
    assert (head.content_length, head.headers["ETag"]) == (answer.content_length, answer.headers["ETag"])


@pytest.mark.usefixtures("in_memory")
def test_a_long_detail_has_the_etag_for_if_match(app, client, writer):
    path = f"/feedstocks/{make_runs(app, 4).id}"
    match = {"If-Match": client.get(path, buffered=True).headers["ETag"]}
    assert writer.patch(path, json={"spec": "a/b"}, headers=match).status_code == 200
    assert writer.patch(path, json={"spec": "a/c"}, headers=match).status_code == 412


@pytest.mark.usefixtures("in_memory")
def test_every_temporary_file_is_closed(app, client):
    path = f"/feedstocks/{make_runs(app, 4).id}"
    with client.get(path) as answer:
        assert answer.status_code == 200
    assert client.get("/feedstocks/2147483647").status_code == 404
    gc.collect()  # a file that is still open would be a warning, which is an error


class Refusing(BytesIO):
    """A file that fails with the error `code` when it is written."""

    code = 0

    def write(self, _):
        raise OSError(self.code, os.strerror(self.code))


@pytest.fixture
def refusing(monkeypatch):
    """Answers are written to a file that fails with the error that is given."""
    monkeypatch.setattr(documents, "IN_MEMORY", 0)
    monkeypatch.setattr(documents, "TemporaryFile", Refusing)
    return lambda code: monkeypatch.setattr(Refusing, "code", code)


FULL, FAULTY = "The disk is full.", "The service cannot write a temporary file."


@pytest.mark.parametrize(
    ("code", "said"), [(errno.ENOSPC, FULL), (errno.EDQUOT, FULL), (errno.EIO, FAULTY), (errno.EMFILE, FAULTY)]
)
def test_a_file_that_cannot_be_written_is_503_and_logged(app, client, caplog, refusing, code, said):
    refusing(code)
    answer = client.get(f"/feedstocks/{make_runs(app, 4).id}")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json["detail"] == f"{said} Try again in a while."
    assert os.strerror(code) in str([record.__dict__.get("error") for record in caplog.records])


def test_other_requests_run_while_a_long_detail_is_sent(app, client, monkeypatch):
    path, pauses = f"/feedstocks/{make_runs(app, 4).id}", []
    monkeypatch.setattr(documents, "IN_MEMORY", 0)
    monkeypatch.setattr(documents, "BLOCK", 100)
    monkeypatch.setattr(documents, "let_others_run", lambda: pauses.append(1))
    length = len(client.get(path, buffered=True).data)
    assert len(pauses) > length / 100


@pytest.fixture
def three_connections(migrated_url):
    """An application with three connections. A request waits up to a minute for one."""
    with application(migrated_url, {"pool_size": 3, "pool_timeout": 60}) as app:
        yield app


def test_eight_readers_of_a_long_detail_do_not_block_others(three_connections, monkeypatch):
    long, short = (f"/feedstocks/{make_runs(three_connections, count).id}" for count in (4, 0))
    begun, finish, write = Semaphore(0), Event(), documents.TemporaryFile
    monkeypatch.setattr(documents, "TemporaryFile", lambda: (begun.release(), finish.wait(60), write())[-1])
    monkeypatch.setattr(documents, "IN_MEMORY", 1000)
    with ThreadPoolExecutor(8) as pool:
        details = [
            pool.submit(lambda: three_connections.test_client().get(long, buffered=True).status_code) for _ in range(8)
        ]
        assert [begun.acquire(timeout=60) for _ in range(2)] == [True, True]
        served = [
            three_connections.test_client().get(path).status_code for path in ("/recipe_runs/", "/recipe_runs/1", short)
        ]
        finish.set()
    assert served == [200, 200, 200]
    assert {detail.result() for detail in details} == {200}


def test_a_long_answer_is_read_once(app, monkeypatch):
    monkeypatch.setattr(documents, "IN_MEMORY", 1)
    reads = []
    with app.test_request_context():
        answer = documents.of_parts(lambda connection: reads.append(connection) or [b"123", b"456"])
        assert (b"".join(answer.response), len(reads)) == (b"123456", 1)
        answer.close()


def test_a_long_detail_without_a_free_slot_is_503(three_connections, monkeypatch):
    monkeypatch.setattr(documents, "IN_MEMORY", 0)
    monkeypatch.setitem(three_connections.config["SQLALCHEMY_ENGINE_OPTIONS"], "pool_timeout", 0)
    path, slots = f"/feedstocks/{make_runs(three_connections, 4).id}", documents.slots_for(3)
    with slots, slots:
        refused = three_connections.test_client().get(path)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert refused.json["detail"] == "Other long answers are being prepared. Try again in a few seconds."
    assert three_connections.test_client().get(path, buffered=True).status_code == 200


@pytest.mark.parametrize(("connections", "slots"), [(1, 1), (2, 1), (3, 2), (8, 2)])
def test_long_details_leave_a_connection_to_others(connections, slots):
    found = documents.slots_for(connections)
    assert [found.acquire(blocking=False) for _ in range(3)] == [number < slots for number in range(3)]
    found.release(slots)


@pytest.mark.usefixtures("in_memory")
def test_other_requests_run_between_two_batches_of_a_detail(app, client, monkeypatch):
    pauses = []
    monkeypatch.setattr(rows, "let_others_run", lambda: pauses.append(1))
    monkeypatch.setattr(fairness, "BATCH", 2)
    monkeypatch.setattr(fairness, "let_others_run", lambda: pauses.append(1))
    path = f"/feedstocks/{make_runs(app, 7).id}"
    assert len(client.get(path, buffered=True).json["recipe_runs"]) == 7
    assert len(pauses) >= 4  # batches of 3, 3 and 1 runs are read, and batches of 2, 1, 2, 1 and 1 are written
