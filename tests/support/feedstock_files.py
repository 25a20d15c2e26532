"""Files of feedstocks: real ones, and small ones with each odd shape that the real ones have."""

import os
from pathlib import Path

import pytest

# A folder with `feedstocks/OWNER/NAME/meta.yaml` and `leap-catalog.json`, real files that are not part of the project.
DATA = Path(os.environ.get("PANGEO_FORGE_DATA", "/nonexistent"))
FEEDSTOCKS, FEDERATION = DATA / "feedstocks", DATA / "leap-catalog.json"

needs_data = pytest.mark.skipif(not FEEDSTOCKS.is_dir(), reason="PANGEO_FORGE_DATA names no folder of real feedstocks")

META = """\
title: "Sea surface temperature"
description: >
  Daily, from satellites.
recipes:
  - id: sst
    object: "recipe:recipe"
provenance:
  providers:
    - name: "Met Office"
      roles: [producer, licensor]
      url: https://www.metoffice.gov.uk
  license: "CC-BY-4.0"
maintainers:
  - name: "Josiah Carberry"
    orcid: "0000-0002-1825-0097"
    github: octocat
bakery:
  id: "pangeo-ldeo-nsf-earthcube"
"""
CATALOG = """\
"ncviewjs:meta_yaml_url": "https://github.com/leap-stc/sst_feedstock/blob/main/feedstock/meta.yaml" # a comment
tags: [ocean, sst]
links:
  - label: DOI
    url: https://doi.org/10.5281/zenodo.1
stores:
  - id: sst
    name: "SST"
    url: "gs://leap-persistent/sst.zarr"
"""


def store(**fields):
    """A store of a catalogue, with all the fields that LEAP's have."""
    return {
        **{"id": "sst", "name": "SST, daily", "url": "https://data.org/sst.zarr", "rechunking": None, "public": True},
        **{"geospatial": None, "xarray_open_kwargs": {"engine": "zarr"}, "last_updated": None},
        **fields,
    }


def entry(name="sst_feedstock", **fields):
    """An entry of LEAP's catalogue about the feedstock leap-stc/NAME."""
    return {
        **{"title": "Sea surface temperature", "description": "Daily.\n", "maintainers": [], "thumbnail": None},
        "provenance": {"providers": [], "license": "CC BY", "license_link": None},
        **{"tags": ["ocean"], "links": None, "stores": [store()]},
        "ncviewjs:meta_yaml_url": f"https://github.com/leap-stc/{name}/blob/main/feedstock/meta.yaml",
        **fields,
    }
