"""Reports of runs, by the library and by the command, with a key and with a signature."""

import json
import re

import pytest

from pangeo_forge_client import Client, NotAllowedError, NotFoundError, PangeoForgeError
from tests.support.apps import ADMIN_KEY
from tests.support.factories import make_bakery, make_feedstock, make_run
from tests.support.own_client import LOST, connected

START = ("runs", "start", "--feedstock", "pangeo-forge/gpcp-feedstock", "--bakery", "laptop", "--recipe", "gpcp")
REPORT = ("runs", "report", "--bakery", "laptop", "--external-id")


def new_run(app):
    return {"feedstock_id": make_feedstock(app).id, "recipe_id": "gpcp", "head_sha": "abc"}


def test_the_first_report_of_a_job_creates_its_run_and_later_ones_change_it(app, forge):
    bakery = make_bakery(app).id
    run = forge.runs.report(bakery, external_id="job-1", status="in_progress", **new_run(app))
    end = forge.runs.report(bakery, external_id="job-1", conclusion="failure", message="boom", log="one\ntwo\n")
    assert (end.id, end.external_id, end.conclusion) == (run.id, "job-1", "failure")
    assert forge.runs.log_text(run.id) == "one\ntwo\n"


def test_a_report_about_a_run_of_ours_gives_it_the_id_of_its_job(app, forge):
    run = make_run(app)
    assert forge.runs.report(run.bakery_id, run_id=run.id, external_id="job-2").external_id == "job-2"


def test_a_report_about_an_unknown_job_names_what_is_missing(app, forge):
    with pytest.raises(NotFoundError, match="also send feedstock, recipe_id, head_sha"):
        forge.runs.report(make_bakery(app).id, external_id="job-3", status="in_progress")


def test_a_log_is_added_once_although_the_answer_is_lost(app):
    run = make_run(app)
    with connected(app, LOST) as (forge, _network):
        forge.runs.report(run.bakery_id, run_id=run.id, log="one\n")
        assert forge.runs.log(run.id).total == 1


def test_a_late_report_says_what_was_ignored(app, forge, caplog):
    run = make_run(app)
    forge.runs.report(run.bakery_id, run_id=run.id, conclusion="success")
    late = forge.runs.report(run.bakery_id, run_id=run.id, status="in_progress")
    assert late.conclusion == "success"
    said = [record.getMessage() for record in caplog.records if record.name == "pangeo_forge_client"]
    assert said == ["The service ignored status, because a report about a later status came before."]


def test_a_signed_report_needs_no_key(app, forge):
    bakery = make_bakery(app).id
    secret = forge.bakeries.create_secret(bakery)
    assert secret.secret not in repr(secret)
    with connected(app, LOST, key=None) as (runner, network):
        run = runner.runs.report(bakery, external_id="job-4", secret=secret.secret, log="one\n", **new_run(app))
    assert forge.runs.log(run.id).total == 1
    assert [event.actor for event in forge.runs.events(run.id)] == [f"webhook of bakery {bakery}"]
    assert all("Authorization" not in request.headers for request in network.sent)


def test_a_signature_with_a_revoked_secret_is_refused(app, forge):
    run = make_run(app)
    secret = forge.bakeries.create_secret(run.bakery_id).secret
    forge.bakeries.revoke_secret(run.bakery_id)
    with connected(app, key=None) as (runner, _network), pytest.raises(NotAllowedError, match="Invalid signature"):
        runner.runs.report(run.bakery_id, run_id=run.id, secret=secret, status="in_progress")


def test_a_secret_that_is_none_is_a_sentence(forge):
    with pytest.raises(PangeoForgeError, match="whsec_ followed by Base64"):
        forge.runs.report(1, run_id=1, secret="whsec_not a secret")


def test_starting_a_job_twice_is_one_run(pangeo_forge):
    numbers = {pangeo_forge(*START, "--commit", "abc", "--external-id", "job-5")[1] for _ in range(2)}
    assert re.fullmatch(r"\d+\n", numbers.pop())
    assert not numbers


def test_the_end_of_a_job_is_reported_by_its_id_with_its_log(pangeo_forge, tmp_path):
    (tmp_path / "log").write_bytes(b"stored 5 chunks\n\xff\n")
    run = pangeo_forge(*START, "--commit", "abc", "--external-id", "job-6")[1].strip()
    code, printed, _ = pangeo_forge(*REPORT, "job-6", "--conclusion", "failure", "--log", tmp_path / "log")
    assert (code, printed.split("\t")[:2]) == (0, [run, "failure"])
    assert "stored 5 chunks\n" in pangeo_forge("runs", "logs", run)[1]
    assert pangeo_forge("runs", "watch", run)[0] == 1


def test_a_run_of_ours_is_reported_without_its_bakery(pangeo_forge):
    run = pangeo_forge(*START, "--commit", "abc", "--queued")[1].strip()
    url = ("--dataset-url", "https://data.org/a.zarr", "--dataset-type", "zarr")
    code, printed, _ = pangeo_forge("runs", "report", run, "--conclusion", "success", *url, "--json")
    assert (code, json.loads(printed)["dataset_public_url"]) == (0, "https://data.org/a.zarr")


def test_an_unknown_job_is_created_by_its_only_report(pangeo_forge):
    facts = ("--feedstock", "pangeo-forge/gpcp-feedstock", "--recipe", "gpcp", "--commit", "abc", "--test")
    code, printed, _ = pangeo_forge(*REPORT, "job-7", "--conclusion", "success", *facts, "--json")
    assert (code, json.loads(printed)["is_test"]) == (0, True)


def test_a_log_that_is_too_long_is_sent_from_its_end(pangeo_forge, forge_service, monkeypatch):
    monkeypatch.setattr("pangeo_forge_client.command.reporting.LOG_MAX", len(r"third \u00e9\n"))
    run = pangeo_forge(*START, "--commit", "abc")[1].strip()
    pangeo_forge("runs", "report", run, "--log", "-", stdin="first\nsecond\nthird é\n")
    with Client(forge_service, ADMIN_KEY) as forge:
        assert forge.runs.log_text(int(run)) == "[The log is longer. These are its last lines.]\nthird é\n"


def test_the_command_signs_with_the_secret_of_the_environment(pangeo_forge, monkeypatch):
    secret = pangeo_forge("bakeries", "webhook-secret", "laptop")[1].strip()
    monkeypatch.setenv("PANGEO_FORGE_WEBHOOK_SECRET", secret)
    monkeypatch.delenv("PANGEO_FORGE_API_KEY")
    assert pangeo_forge(*START, "--commit", "abc", "--external-id", "job-8")[0] == 0
    monkeypatch.setenv("PANGEO_FORGE_API_KEY", ADMIN_KEY)
    assert pangeo_forge("bakeries", "webhook-secret", "laptop", "--revoke")[0] == 0
    assert pangeo_forge(*START, "--commit", "abc", "--external-id", "job-9")[0] == 2
