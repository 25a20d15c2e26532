"""Finding the datasets of real feedstocks, whose files are not part of the project."""

from app.cli.datasets import import_catalogue
from app.cli.feedstocks import describe_all
from tests.support.factories import make_description, make_feedstock, make_run
from tests.support.feedstock_files import FEDERATION, FEEDSTOCKS, needs_data

PUBLISHED = {"status": "completed", "conclusion": "success", "dataset_public_url": "https://data.org/a.zarr"}
# As in the file. The meta.yaml of this feedstock is not valid YAML, so an inspection has to tell what it is about.
OISST = {"sst": {"standard_name": None, "long_name": "Daily sea surface temperature", "coordinate": False}}


@needs_data
def test_a_search_finds_real_datasets_of_sea_surface_temperature(app, client):
    for file in sorted(FEEDSTOCKS.glob("pangeo-forge/*-feedstock/meta.yaml")):
        feedstock = make_feedstock(app, spec=f"pangeo-forge/{file.parent.name}")
        make_run(app, feedstock_id=feedstock.id, recipe_id=file.parent.name.removesuffix("-feedstock"), **PUBLISHED)
    oisst = make_run(app, recipe_id="noaa-oisst-avhrr-only", **PUBLISHED)
    make_description(app, id=oisst.id, variables=OISST)
    app.test_cli_runner().invoke(describe_all, [str(FEEDSTOCKS)])
    app.test_cli_runner().invoke(import_catalogue, [str(FEDERATION)])
    found = {dataset["recipe_id"] for dataset in client.get("/datasets/?q=sea surface temperature").json}
    assert {"HadISST", "noaa-oisst-avhrr-only", "OSTIA-REP", "noaa-coastwatch-geopolar-sst", "noaa-oisst"} <= found
    assert len(client.get("/datasets/?q=OISST").json) >= 2
