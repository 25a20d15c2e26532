"""`/feedstocks/{id}/metadata`: JSON is validated like all JSON, and of the files of a feedstock the usable is taken."""

from typing import Any

import pytest

from tests.support.databases import on_sqlite
from tests.support.factories import make_feedstock, make_metadata

YAML = "application/yaml"
EMPTY: dict[str, Any] = {
    **dict.fromkeys(("title", "description", "license", "license_text", "license_url")),
    **{name: [] for name in ("providers", "maintainers", "keywords", "links")},
    **dict.fromkeys(("thumbnail_url", "citation", "acknowledgements")),
}
FULL = EMPTY | {
    "title": "GPCP",
    "description": "Daily precipitation.\n\nFrom satellites.",
    "license": "CC-BY-4.0",
    "license_text": "CC BY 4.0",
    "license_url": "https://creativecommons.org/licenses/by/4.0/",
    "providers": [{"name": "NOAA", "roles": ["host", "licensor"], "url": "https://noaa.gov", "description": "é 🌊"}],
    "maintainers": [{"name": "Josiah Carberry", "github": "octocat", "orcid": "0000-0002-1825-0097"}],
    "keywords": ["precipitation", "sea ice"],
    "links": [{"title": "Documentation", "url": "https://noaa.gov/gpcp"}, {"title": None, "url": "http://a.org"}],
    "thumbnail_url": "https://noaa.gov/a.png",
    "citation": "Adler (2017).",
    "acknowledgements": "Thanks.",
}
META = """\
title: GPCP
description: >
  Daily precipitation
provenance:
  providers:
    - name: NOAA
      roles: [host, curator]
  license: CC0
maintainers:
  - name: Josiah Carberry
    orcid: 0000-0002-1825-0097
"""


@pytest.fixture
def path(app):
    return f"/feedstocks/{make_feedstock(app).id}/metadata"


def put_yaml(client, path, text, content_type=YAML):
    return client.put(path, data=text, content_type=content_type)


def without_times(body):
    return {name: value for name, value in body.items() if name not in ("feedstock_id", "updated_at", "ignored")}


def test_a_keyword_is_kept_once(writer, path):
    assert writer.put(path, json=FULL | {"keywords": ["ice", "sea", "ice"]}).json["keywords"] == ["ice", "sea"]


def test_metadata_are_answered_as_they_were_sent(writer, path):
    response = writer.put(path, json=FULL)
    assert (response.status_code, response.headers["Location"]) == (201, path)
    assert without_times(response.json) == FULL
    assert list(response.json) == [*FULL, "feedstock_id", "updated_at", "ignored"]
    got = writer.get(path)
    assert got.json | {"ignored": []} == response.json


def test_a_second_put_replaces_everything(writer, path):
    writer.put(path, json=FULL)
    response = writer.put(path, json={"title": "Other"})
    assert (response.status_code, without_times(response.json)) == (200, EMPTY | {"title": "Other"})
    assert without_times(writer.get(path).json) == EMPTY | {"title": "Other"}


def test_the_same_put_again_changes_nothing_and_is_not_in_the_audit_log(admin, path):
    first = admin.put(path, json=FULL).json
    assert admin.put(path, json=FULL).json == first
    assert [entry["action"] for entry in admin.get("/audit").json] == ["put_feedstock_metadata"]


def test_writes_are_in_the_audit_log(app, admin, path):
    admin.put(path, json=FULL)
    admin.delete(path)
    entries = admin.get("/audit?sort=asc").json
    assert [(entry["resource"], entry["action"]) for entry in entries] == [
        ("feedstock_metadata", "put_feedstock_metadata"),
        ("feedstock_metadata", "delete_feedstock_metadata"),
    ]
    assert {f"/feedstocks/{entry['resource_id']}/metadata" for entry in entries} == {path}


@pytest.mark.parametrize(
    ("sent", "license_id", "text"),
    [
        ({"license": "cc-by-4.0"}, "CC-BY-4.0", "CC-BY-4.0"),
        ({"license_text": "Apache Version 2.0"}, "Apache-2.0", "Apache Version 2.0"),
        ({"license_text": "Ask us."}, None, "Ask us."),
        ({"license_url": FULL["license_url"]}, "CC-BY-4.0", FULL["license_url"]),
        ({}, None, None),
    ],
)
def test_a_licence_has_a_text_and_if_it_can_be_told_an_id(writer, path, sent, license_id, text):
    body = writer.put(path, json=sent).json
    assert (body["license"], body["license_text"]) == (license_id, text)


@on_sqlite
@pytest.mark.parametrize(
    ("sent", "pointer"),
    [
        ({"licence": "MIT"}, "/licence"),
        ({"license": "CC BY"}, "/license"),
        ({"title": " "}, "/title"),
        ({"title": "a\0"}, "/title"),
        ({"title": 1}, "/title"),
        ({"description": "x" * 20_001}, "/description"),
        ({"keywords": ["a", ""]}, "/keywords/1"),
        ({"keywords": ["a"] * 101}, "/keywords"),
        ({"keywords": None}, "/keywords"),
        ({"links": [{"url": "javascript:alert(1)"}]}, "/links/0/url"),
        ({"links": [{"url": "https://a.org/\n"}]}, "/links/0/url"),
        ({"thumbnail_url": "https://user:password@a.org/b.png"}, "/thumbnail_url"),
        ({"license_url": "data:text/html,x"}, "/license_url"),
        ({"providers": [{"name": "a", "roles": ["curator"]}]}, "/providers/0/roles/0"),
        ({"providers": [{"roles": ["host"]}]}, "/providers/0/name"),
        ({"providers": {"name": "a"}}, "/providers"),
        ({"maintainers": [{"name": "a", "orcid": "0000-0002-1825-0098"}]}, "/maintainers/0/orcid"),
        ({"maintainers": [{"name": "a", "orcid": "0000-0002-1825-009"}]}, "/maintainers/0/orcid"),
        ({"maintainers": [{"name": "a", "github": "a/b"}]}, "/maintainers/0/github"),
        ({"maintainers": [{"name": "a", "github": "a\n"}]}, "/maintainers/0/github"),
        ({"maintainers": [{"name": "a", "email": "a@b.org"}]}, "/maintainers/0/email"),
    ],
)
def test_json_that_is_wrong_is_422_and_stores_nothing(writer, path, sent, pointer):
    response = writer.put(path, json=sent)
    assert response.status_code == 422
    assert pointer in [error["pointer"] for error in response.json["errors"]]
    assert writer.get(path).status_code == 404


@pytest.mark.parametrize("media", [YAML, "application/x-yaml", "text/yaml; charset=utf-8", "text/x-yaml"])
def test_the_files_of_a_feedstock_can_be_sent_as_they_are(writer, path, media):
    response = put_yaml(writer, path, META + "---\ntags: [rain, rain]\n", media)
    assert response.status_code == 201
    assert without_times(response.json) == EMPTY | {
        "title": "GPCP",
        "description": "Daily precipitation",
        "license": "CC0-1.0",
        "license_text": "CC0",
        "providers": [{"name": "NOAA", "roles": ["host"], "url": None, "description": "(roles: curator)"}],
        "maintainers": [{"name": "Josiah Carberry", "github": None, "orcid": "0000-0002-1825-0097"}],
        "keywords": ["rain"],
    }


def test_the_answer_says_what_was_ignored_and_why(writer, path):
    ignored = put_yaml(writer, path, META + "colour: blue").json["ignored"]
    assert [item["path"] for item in ignored] == ["provenance.providers[0].roles[1]", "colour"]
    assert ignored[0]["reason"].startswith('"curator" is not a role of STAC (producer, licensor, processor, host)')


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ("a: [", 400, "This is not valid YAML: did not find expected node content, line 2, column 1."),
        (b"\xff", 400, "The YAML is not UTF-8: invalid start byte at byte 0."),
        ("[" * 100, 400, "The YAML is nested deeper than 20 levels, line 1."),
        ("just a text", 422, "There is no mapping of fields, such as `title: …`."),
        ("", 422, "There is no mapping of fields, such as `title: …`."),
        ("a: " + "x" * 300_000, 413, "The body is larger than"),
    ],
)
def test_a_file_of_which_nothing_is_usable_is_refused(writer, path, body, status, detail):
    response = put_yaml(writer, path, body)
    assert response.status_code == status
    assert response.json["detail"].startswith(detail)
    assert writer.get(path).status_code == 404


def test_other_media_types_are_415_and_told_what_to_send(writer, path):
    response = put_yaml(writer, path, "a,b", "text/csv")
    assert response.status_code == 415
    assert response.json["detail"].startswith("Send JSON with Content-Type: application/json, or YAML")
    encoded = writer.put(path, data=b"x", content_type=YAML, headers={"Content-Encoding": "gzip"})
    assert encoded.status_code == 415


@pytest.mark.parametrize("text", ['"\\0"', '"a\\0b"', "[1, 2]", "{a: b}", "!!binary AAAA", '"\\x85\\u2028"'])
@pytest.mark.parametrize("name", ["title", "tags", "maintainers", "provenance", "links", "citation", "thumbnail"])
def test_no_value_in_a_file_is_an_error_of_the_service(writer, path, name, text):
    response = put_yaml(writer, path, f"{name}: {text}")
    assert response.status_code == 201
    assert writer.get(path).status_code == 200


def test_if_match_protects_against_lost_updates(writer, path):
    stale = {"If-Match": '"0"'}
    assert writer.put(path, json=FULL, headers=stale).status_code == 412
    assert writer.put(path, json=FULL, headers={"If-Match": "*"}).status_code == 412
    writer.put(path, json=FULL)
    current = {"If-Match": writer.get(path).headers["ETag"]}
    assert writer.put(path, json=EMPTY, headers=stale).status_code == 412
    assert writer.delete(path, headers=stale).status_code == 412
    assert writer.put(path, json=EMPTY, headers=current).status_code == 200
    assert writer.delete(path, headers=current).status_code == 412


def test_deleted_metadata_are_404_and_the_feedstock_stays(writer, path):
    writer.put(path, json=FULL)
    assert writer.delete(path).json == {"ok": True}
    number = path.split("/")[2]
    for method in ("GET", "DELETE"):
        response = writer.open(path, method=method)
        assert (response.status_code, response.json["detail"]) == (404, f"metadata of feedstock {number} not found")
    assert writer.get(f"/feedstocks/{number}").status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_metadata_of_no_feedstock_are_404(writer, method):
    response = writer.open("/feedstocks/99999/metadata", method=method, json={} if method == "PUT" else None)
    assert (response.status_code, response.json["detail"]) == (404, "feedstock 99999 not found")


def test_a_feedstock_takes_its_metadata_with_it(app, writer):
    number = make_metadata(app).id
    assert writer.delete(f"/feedstocks/{number}").status_code == 200
    assert writer.get(f"/feedstocks/{number}/metadata").json["detail"] == f"feedstock {number} not found"
