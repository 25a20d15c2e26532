"""Datasets in our own client: what is known about them, and which of them it does not open."""

from types import SimpleNamespace

import pytest

from app.schemas.dataset_descriptions import EXAMPLE
from pangeo_forge_client import MissingPackageError, NotFoundError, OpeningError, opening
from tests.support.factories import STARTED_AT, make_check, make_description, make_link, make_run, make_thumbnail


def test_a_runner_describes_a_dataset(app, forge):
    link = make_link(app)
    with pytest.raises(NotFoundError):
        forge.datasets.description(link.id)
    forge.datasets.describe(link.id, EXAMPLE | {"time_end": STARTED_AT})
    assert forge.datasets.description(link.id)["time_end"] == "2022-03-03T02:29:54Z"


def test_a_dataset_has_checks_and_a_picture(app, forge):
    link = make_link(app)
    make_description(app, id=link.id)
    make_check(app, dataset_id=link.id)
    make_thumbnail(app, dataset_id=link.id)
    assert [(check.healthy, check.at) for check in forge.datasets.checks(link.id)] == [(True, STARTED_AT)]
    assert forge.datasets.thumbnail(link.id) == b"\x89PNG"


def test_a_dataset_has_builds_and_a_history(app, forge):
    url = "https://data.org/a.zarr"
    run = make_run(app, dataset_type="zarr")
    forge.runs.update(run.id, conclusion="success", dataset_public_url=url)
    [build] = forge.feedstocks.builds(run.feedstock_id, type="production")
    assert (build.id, build.dataset_public_url) == (run.id, url)
    [dataset] = forge.datasets.search()
    assert [event.url for event in forge.datasets.events(dataset.id)] == [url]
    assert [each.id for each in forge.bakeries.runs(run.bakery_id)] == [run.id]


def test_a_dataset_of_unknown_format_is_not_opened(app, forge):
    link = make_link(app, dataset_type=None)
    with pytest.raises(OpeningError, match=f"does not know the format of dataset {link.id}"):
        forge.datasets.get(link.id).open()


def test_an_engine_that_a_service_invents_is_not_used():
    asset = {"href": "https://a.b", "xarray:open_kwargs": {"engine": "shell"}}
    with pytest.raises(OpeningError, match="names an engine that this release does not know: shell"):
        opening.OPENERS["application/vnd.zarr"](asset, None, {})


def test_a_package_that_is_missing_is_named():
    with pytest.raises(MissingPackageError, match=r"pip install 'pangeo-forge-client\[xarray\]' no_such_package"):
        opening.package("no_such_package")


S3 = {"bucket": "b", "prefix": "p/q", "anonymous": True, "region": "us-east-1"}
ENDPOINT = {"endpoint_url": "https://h", "force_path_style": True, "allow_http": False}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://b/p/q", ("s3", S3)),
        ("gs://b", ("gcs", {"bucket": "b", "prefix": None, "anonymous": True})),
        ("https://h/b/p/q/", ("s3", S3 | ENDPOINT)),
    ],
)
def test_an_icechunk_repository_is_read_without_credentials(url, expected):
    icechunk = SimpleNamespace(s3_storage=lambda **where: ("s3", where), gcs_storage=lambda **where: ("gcs", where))
    assert opening.icechunk_storage(icechunk, url) == expected


def test_a_path_of_this_machine_is_not_opened_as_a_repository():
    with pytest.raises(OpeningError, match="/etc cannot be opened"):
        opening.icechunk_storage(SimpleNamespace(), "/etc")
