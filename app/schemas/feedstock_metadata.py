"""What the data of a feedstock are about, on the wire."""

import re
from functools import partial
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from app.models.feedstock_metadata import (
    GITHUB,
    ITEMS_MAX,
    NAME_MAX,
    NOTE_MAX,
    ORCID,
    ROLES,
    TEXT_MAX,
    has_check_digit,
)
from app.schemas.base import Id, ReadSchema, WriteSchema
from app.schemas.fields import Choice, Name, Text, Timestamp
from app.schemas.urls import WebUrl

EXAMPLE = {
    "title": "Global Precipitation Climatology Project",
    "description": "Daily precipitation from satellites and gauges, from 1996 to the present.",
    "license": "CC-BY-4.0",
    "license_url": "https://creativecommons.org/licenses/by/4.0/",
    "providers": [
        {"name": "University of Maryland", "roles": ["producer", "licensor"], "url": "https://www.umd.edu/"},
        {"name": "NOAA NCEI", "roles": ["host"], "url": "https://www.ncei.noaa.gov/"},
    ],
    "maintainers": [{"name": "Josiah Carberry", "github": "octocat", "orcid": "0000-0002-1825-0097"}],
    "keywords": ["precipitation", "satellite"],
    "links": [{"title": "Documentation", "url": "https://www.ncei.noaa.gov/products/gpcp"}],
    "citation": "Adler, R. et al. (2017). Global Precipitation Climatology Project (GPCP). doi:10.7289/V5RX998Z",
}
YAML_EXAMPLE = """\
title: Global Precipitation Climatology Project
description: Daily precipitation from satellites and gauges, from 1996 to the present.
provenance:
  providers:
    - name: University of Maryland
      roles: [producer, licensor]
      url: https://www.umd.edu/
  license: CC-BY-4.0
maintainers:
  - name: Josiah Carberry
    github: octocat
    orcid: 0000-0002-1825-0097
---
tags: [precipitation, satellite]
"""
IGNORED_EXAMPLE = {
    "path": "provenance.providers[0].roles[1]",
    "reason": '"curator" is not a role of STAC (producer, licensor, processor, host); kept in the description',
}


def must_be_account(text: str) -> None:
    if not re.fullmatch(GITHUB, text):
        raise ValidationError("Must be the name of an account on GitHub.")


def must_be_orcid(text: str) -> None:
    if not re.fullmatch(ORCID, text):
        raise ValidationError("Must be an ORCID iD, such as 0000-0002-1825-0097.")
    if not has_check_digit(text):
        raise ValidationError("Must be an ORCID iD; its last digit is wrong.")


def example(name: str) -> str:
    return str(EXAMPLE[name])


Title = partial(Name, 1, NAME_MAX, description="A short name of the data.", example=example("title"))
Description = partial(Text, 1, TEXT_MAX, description="What the data are.", example=example("description"))
License = partial(Text, 1, 64, description="The licence of the data, as an id of SPDX.", example=example("license"))
LicenseText = partial(
    Text, 1, NOTE_MAX, description="The licence as its licensor says it.", example="Creative Commons Attribution 4.0"
)
LicenseUrl = partial(WebUrl, description="The text of the licence.", example=example("license_url"))
ThumbnailUrl = partial(WebUrl, description="A picture of the data.", example="https://data.org/gpcp.png")
Citation = partial(Text, 1, TEXT_MAX, description="How to cite the data.", example=example("citation"))
Acknowledgements = partial(
    Text, 1, TEXT_MAX, description="Whom to thank.", example="The data were provided by the NOAA PSL, Boulder."
)
ItemName = partial(Name, 1, NAME_MAX)
ProviderName = partial(ItemName, description="An organisation or a person.", example="University of Maryland")
Role = partial(Choice, ROLES, component="ProviderRole", description="A role of a provider in STAC.")
Roles = partial(
    fields.List,
    Role(),
    metadata={"description": "What the provider has to do with the data.", "examples": [["producer", "licensor"]]},
)
ProviderUrl = partial(WebUrl, description="A page about the provider or the data.", example="https://www.umd.edu/")
ProviderDescription = partial(
    Text, 1, NOTE_MAX, description="More about the provider.", example="Earth System Science Interdisciplinary Center"
)
MaintainerName = partial(ItemName, description="A person.", example="Josiah Carberry")
Github = partial(
    Text, 1, 39, pattern=GITHUB, rules=(must_be_account,), description="The account on GitHub.", example="octocat"
)
Orcid = partial(
    Text, 19, 19, pattern=ORCID, rules=(must_be_orcid,), description="The ORCID iD.", example="0000-0002-1825-0097"
)
LinkTitle = partial(ItemName, description="What the link leads to.", example="Documentation")
LinkUrl = partial(WebUrl, description="A page about the data.", example="https://www.ncei.noaa.gov/products/gpcp")
Keyword = partial(ItemName, description="A keyword.", example="precipitation")


PROVIDERS = "The organisations and persons that produce, license, process or host the data."
MAINTAINERS = "The persons who maintain the recipes."
LINKS = "Pages about the data."
Keywords = partial(
    fields.List, Keyword(), metadata={"description": "Words by which the data are found.", "examples": [["ocean"]]}
)


def items(schema: type[Schema], description: str, *, required: bool = False) -> fields.List[Any]:
    """A list of objects of `schema`. In a request it may be missing and has up to ITEMS_MAX items."""
    metadata = {"description": description}
    if required:
        return fields.List(fields.Nested(schema), required=True, metadata=metadata)
    return fields.List(
        fields.Nested(schema), load_default=list, validate=validate.Length(0, ITEMS_MAX), metadata=metadata
    )


class ProviderRead(ReadSchema):
    name = ProviderName(required=True)
    roles = Roles(required=True)
    url = ProviderUrl(required=True, allow_none=True)
    description = ProviderDescription(required=True, allow_none=True)


class ProviderWrite(WriteSchema):
    name = ProviderName(required=True)
    roles = Roles(load_default=list, validate=validate.Length(0, len(ROLES)))
    url = ProviderUrl(load_default=None, allow_none=True)
    description = ProviderDescription(load_default=None, allow_none=True)


class MaintainerRead(ReadSchema):
    name = MaintainerName(required=True)
    github = Github(required=True, allow_none=True)
    orcid = Orcid(required=True, allow_none=True)


class MaintainerWrite(WriteSchema):
    name = MaintainerName(required=True)
    github = Github(load_default=None, allow_none=True)
    orcid = Orcid(load_default=None, allow_none=True)


class MetadataLinkRead(ReadSchema):
    title = LinkTitle(required=True, allow_none=True)
    url = LinkUrl(required=True)


class MetadataLinkWrite(WriteSchema):
    title = LinkTitle(load_default=None, allow_none=True)
    url = LinkUrl(required=True)


class FeedstockMetadataRead(ReadSchema):
    title = Title(required=True, allow_none=True)
    description = Description(required=True, allow_none=True)
    license = License(required=True, allow_none=True)
    license_text = LicenseText(required=True, allow_none=True)
    license_url = LicenseUrl(required=True, allow_none=True)
    providers = items(ProviderRead, PROVIDERS, required=True)
    maintainers = items(MaintainerRead, MAINTAINERS, required=True)
    keywords = Keywords(required=True)
    links = items(MetadataLinkRead, LINKS, required=True)
    thumbnail_url = ThumbnailUrl(required=True, allow_none=True)
    citation = Citation(required=True, allow_none=True)
    acknowledgements = Acknowledgements(required=True, allow_none=True)
    id = Id(data_key="feedstock_id", required=True)
    updated_at = Timestamp(required=True, description="When the metadata last changed.")


class Ignored(ReadSchema):
    path = Text(1, 500, required=True, description="Where it is in the file.", example=IGNORED_EXAMPLE["path"])
    reason = Text(1, 5000, required=True, description="What is wrong with it.", example=IGNORED_EXAMPLE["reason"])


class FeedstockMetadataWritten(FeedstockMetadataRead):
    ignored = fields.List(
        fields.Nested(Ignored),
        required=True,
        metadata={"description": "What the service could not use of a YAML file, at most 1,000."},
    )


class FeedstockMetadataWrite(WriteSchema):
    title = Title(load_default=None, allow_none=True)
    description = Description(load_default=None, allow_none=True)
    license = License(load_default=None, allow_none=True)
    license_text = LicenseText(load_default=None, allow_none=True)
    license_url = LicenseUrl(load_default=None, allow_none=True)
    providers = items(ProviderWrite, PROVIDERS)
    maintainers = items(MaintainerWrite, MAINTAINERS)
    keywords = Keywords(load_default=list, validate=validate.Length(0, ITEMS_MAX))
    links = items(MetadataLinkWrite, LINKS)
    thumbnail_url = ThumbnailUrl(load_default=None, allow_none=True)
    citation = Citation(load_default=None, allow_none=True)
    acknowledgements = Acknowledgements(load_default=None, allow_none=True)

    @post_load
    def drop_repetitions(self, values: dict[str, Any], **_: Any) -> dict[str, Any]:
        return values | {"keywords": list(dict.fromkeys(values["keywords"]))} if "keywords" in values else values
