"""What a STAC collection says about its dataset: what the feedstock and an inspection say, or honest defaults."""

from datetime import UTC, datetime

import pystac
import pytest
from pystac.extensions.datacube import DatacubeExtension
from pystac.extensions.version import VersionExtension
from pystac.extensions.xarray_assets import XarrayAssetsExtension

from tests.routes.test_stac import is_valid, links
from tests.support.factories import make_description, make_link, make_metadata, make_run, make_thumbnail

PUBLISHED = {"status": "completed", "conclusion": "success", "dataset_public_url": "https://data.org/a.zarr"}
METADATA = {
    "title": "Sea surface temperature",
    "description": "Daily, a quarter of a degree.",
    "license": "CC-BY-4.0",
    "license_url": "https://creativecommons.org/licenses/by/4.0/",
    "providers": [{"name": "NOAA", "roles": ["producer", "licensor"], "url": "https://noaa.gov", "description": None}],
    "keywords": ["ocean", "temperature"],
    "links": [{"title": "Paper", "url": "https://doi.org/10.1"}],
    "thumbnail_url": "https://noaa.gov/sst.png",
}
AXES = {"lat": ("latitude", "degrees_north"), "lon": ("longitude", "degrees_east"), "lev": ("depth", "m")}
DESCRIPTION = {
    "dimensions": {"time": 3, "lat": 2, "lon": 4, "lev": 5, "band": 2},
    "variables": {
        "sst": {"dimensions": ["time", "lat", "lon"], "dtype": "float32", "units": "K", "long_name": "Temperature"},
        "area": {"dimensions": ["lat", "lon"], "dtype": "complex128", "coordinate": True},
        "time": {"dimensions": ["time"], "dtype": "int64", "units": "days since 2000-01-01", "coordinate": True},
        **{
            name: {"dimensions": [name], "dtype": "float64", "standard_name": standard, "units": units}
            for name, (standard, units) in AXES.items()
        },
    },
    **{"west": 170.0, "south": -10.0, "east": -170.0, "north": 20.5},
    "time_start": datetime(2000, 1, 1, tzinfo=UTC),
    "time_end": datetime(2020, 12, 31, 12, tzinfo=UTC),
}


def read(client, dataset):
    body = client.get(f"/stac/collections/{dataset.id}").json
    assert is_valid(body)
    return body


def test_a_collection_says_what_the_metadata_of_its_feedstock_says(app, client):
    metadata = make_metadata(app, **METADATA)
    body = read(client, make_link(app, feedstock_id=metadata.id))
    assert [body[name] for name in ("title", "description", "license", "keywords")] == [
        *("Sea surface temperature", "Daily, a quarter of a degree.", "CC-BY-4.0", ["ocean", "temperature"])
    ]
    assert body["providers"] == [{"name": "NOAA", "roles": ["producer", "licensor"], "url": "https://noaa.gov"}]
    assert links(body, "license") == ["https://creativecommons.org/licenses/by/4.0/"]
    assert links(body, "related") == ["https://doi.org/10.1"]
    assert body["assets"]["thumbnail"] == {"href": "https://noaa.gov/sst.png", "roles": ["thumbnail"]}


def test_the_title_and_description_of_a_dataset_come_before_those_of_its_feedstock(app, client):
    own = {"title": "Daily", "description": "One value a day."}
    body = read(client, make_link(app, feedstock_id=make_metadata(app, **METADATA).id, **own))
    assert {name: body[name] for name in own} == own


def test_the_bakery_of_the_newest_build_is_a_provider_too(app, client):
    run = make_run(app, feedstock_id=make_metadata(app, **METADATA).id, dataset_type="zarr", **PUBLISHED)
    assert [provider["roles"] for provider in read(client, run)["providers"]] == [
        *(["producer", "licensor"], ["processor"])
    ]


def test_a_licence_that_spdx_does_not_know_is_linked_with_its_text(app, client):
    metadata = make_metadata(app, license_text="Free for research")
    body = read(client, make_link(app, feedstock_id=metadata.id))
    [link] = [link for link in body["links"] if link["rel"] == "license"]
    assert (body["license"], link["title"]) == ("other", "Free for research")
    assert client.get(link["href"]).json["license_text"] == "Free for research"


@pytest.mark.parametrize("field", ["license_url", "thumbnail_url"])
def test_a_url_in_the_metadata_that_a_browser_would_run_is_no_link(app, client, field):
    metadata = make_metadata(app, **{field: "javascript:alert(1)"}, links=[{"title": "x", "url": "data:text/html,x"}])
    assert "javascript:" not in str(read(client, make_link(app, feedstock_id=metadata.id)))


def test_nothing_is_invented_for_a_dataset_that_is_not_described(app, client):
    body = read(client, make_link(app))
    assert (body["stac_extensions"], body["license"], body["providers"]) == (
        ["https://stac-extensions.github.io/xarray-assets/v1.0.0/schema.json"],
        "other",
        [],
    )
    assert body["extent"] == {
        "spatial": {"bbox": [[-180, -90, 180, 90]]},
        "temporal": {"interval": [[None, None]]},
    }
    assert not {"cube:dimensions", "keywords", "version", "deprecated"} & body.keys()


def test_a_collection_has_the_extent_that_was_found(app, client):
    dataset = make_link(app)
    make_description(app, id=dataset.id, **DESCRIPTION)
    assert read(client, dataset)["extent"] == {
        "spatial": {"bbox": [[170.0, -10.0, -170.0, 20.5]]},
        "temporal": {"interval": [["2000-01-01T00:00:00Z", "2020-12-31T12:00:00Z"]]},
    }


def test_a_dimension_without_attributes_is_horizontal_by_its_name(app, client):
    dataset = make_link(app)
    axes = {name: {"dimensions": [name], "shape": [2], "dtype": "f8"} for name in ("lat", "Longitude", "row")}
    named = {"variables": axes, "dimensions": dict.fromkeys(axes, 2)}
    make_description(app, id=dataset.id, **DESCRIPTION | named)
    found = read(client, dataset)["cube:dimensions"]
    assert {name: dimension.get("axis") for name, dimension in found.items()} == dict(
        zip(axes, ("y", "x", None), strict=True)
    )


def test_a_collection_has_the_dimensions_and_variables_that_were_found(app, client):
    dataset = make_link(app)
    make_description(app, id=dataset.id, **DESCRIPTION)
    cube = DatacubeExtension.ext(pystac.Collection.from_dict(read(client, dataset)))
    found = {
        name: (dimension.dim_type, dimension.properties.get("axis")) for name, dimension in cube.dimensions.items()
    }
    assert found == {
        **{"time": ("temporal", None), "lat": ("spatial", "y"), "lon": ("spatial", "x"), "lev": ("spatial", "z")},
        "band": ("other", None),
    }
    assert cube.dimensions["lon"].properties["extent"] == [170.0, 190.0]
    assert {name: variable.var_type for name, variable in cube.variables.items()} == {
        **{"sst": "data", "area": "auxiliary"}
    }
    assert cube.variables["sst"].to_dict() == {
        **{"dimensions": ["time", "lat", "lon"], "type": "data", "data_type": "float32"},
        **{"description": "Temperature", "unit": "K"},
    }


@pytest.mark.parametrize(
    ("dataset_type", "found", "options"),
    [
        ("zarr", {"consolidated": True, "zarr_format": 3}, {"engine": "zarr", "consolidated": True}),
        ("zarr", {"consolidated": False}, {"engine": "zarr", "consolidated": False}),
        ("kerchunk", {"engine": "kerchunk"}, {"engine": "kerchunk"}),
        ("netcdf", {"engine": "h5netcdf"}, {"engine": "h5netcdf"}),
    ],
)
def test_the_data_say_how_xarray_opens_them(app, client, dataset_type, found, options):
    dataset = make_link(app, dataset_type=dataset_type, url="s3://bucket/a")
    make_description(app, id=dataset.id, **{"zarr_format": None} | found)
    asset = pystac.Collection.from_dict(read(client, dataset)).assets[dataset_type]
    xarray = XarrayAssetsExtension.ext(asset)
    assert xarray.open_kwargs == options
    anonymous = {"anon": True}
    several = {"target_options": anonymous, "remote_options": anonymous}
    assert xarray.storage_options == (several if dataset_type == "kerchunk" else anonymous)
    assert asset.extra_fields.get("zarr:zarr_format") == found.get("zarr_format")
    assert asset.extra_fields.get("zarr:consolidated") == found.get("consolidated")


def test_a_dataset_that_is_of_another_type_than_its_runs_say_has_the_type_that_was_found(app, client):
    dataset = make_link(app, url="https://data.org/a.nc")
    make_description(app, id=dataset.id, engine="h5netcdf", zarr_format=None)
    assert read(client, dataset)["assets"]["netcdf"]["type"] == "application/netcdf"


def test_the_description_and_the_picture_of_a_dataset_are_assets(app, client):
    dataset = make_link(app)
    make_description(app, id=dataset.id)
    make_thumbnail(app, dataset_id=dataset.id)
    assets = read(client, dataset)["assets"]
    assert {name: asset["roles"] for name, asset in assets.items()} == {
        **{"zarr": ["data"], "description": ["metadata"], "thumbnail": ["thumbnail"]}
    }
    for name, media_type in (("description", "application/json"), ("thumbnail", "image/png")):
        response = client.get(assets[name]["href"])
        assert (response.status_code, response.mimetype, assets[name]["type"]) == (200, media_type, media_type)


def test_the_version_is_the_snapshot_or_the_newest_build(app, client):
    run = make_run(app, dataset_type="zarr", **PUBLISHED)
    stored = make_link(app, dataset_type="icechunk", snapshot_id="MS2EZR68CJKB")
    found = [VersionExtension.ext(pystac.Collection.from_dict(read(client, item))).version for item in (run, stored)]
    assert found == [str(run.id), "MS2EZR68CJKB"]


def test_a_withdrawn_dataset_is_deprecated_and_in_no_list(app, client, writer):
    run = make_run(app, dataset_type="zarr", **PUBLISHED)
    assert writer.patch(f"/recipe_runs/{run.id}", json={"dataset_public_url": None}).status_code == 200
    body = read(client, run)
    assert (body["deprecated"], body["assets"]["zarr"]["href"]) == (True, "https://data.org/a.zarr")
    assert body["description"].startswith("This dataset was withdrawn on 20")
    assert client.get("/stac/collections").json["collections"] == links(client.get("/stac").json, "child") == []


def test_the_id_of_a_merged_dataset_leads_to_the_other_one(app, client):
    dataset = make_link(app)
    merged = make_link(app, merged_into=dataset.id)
    assert client.get(f"/stac/collections/{merged.id}").json["id"] == str(dataset.id)
    assert [item["id"] for item in client.get("/stac/collections").json["collections"]] == [str(dataset.id)]
