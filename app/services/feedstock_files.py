"""Metadata of a feedstock from its meta.yaml and catalog.yaml, or from an entry of a catalogue made of such files.

The files are as their authors wrote them. What is usable is taken; the rest is noted with its path and the reason.
"""

import re
from typing import Any

from werkzeug.exceptions import UnprocessableEntity

from app.models.feedstock_metadata import GITHUB, NAME_MAX, NOTE_MAX, ORCID, ROLES, has_check_digit
from app.services.licenses import spdx_id
from app.services.tolerant import Place
from app.services.yaml_documents import Notes

META_URL = "ncviewjs:meta_yaml_url"
# Fields that say how the data are built, and where the files are.
ABOUT_BUILDS = {"recipes", "bakery", "pangeo_forge_version", "pangeo_notebook_version", META_URL}
FIELDS = {
    *("title", "description", "provenance", "maintainers", "tags", "keywords", "links", "thumbnail", "stores"),
    *("citation", "acknowledgements", "acknowledgments", *ABOUT_BUILDS),
}
PROVIDER_FIELDS = {"name", "description", "roles", "url", "orcid", "github"}
# The fields of a citation after its author and year, with what precedes them.
CITATION = (("title", " "), ("journal", " "), ("publisher", " "), ("volume", " "), ("pages", ", "), ("doi", " doi:"))


def merged(documents: list[Any], notes: Notes) -> dict[str, Any]:
    """The mappings of `documents` in one. Raises 422 if there are none. Of a repeated key the first value counts."""
    found: dict[str, Any] = {}
    for number, document in enumerate(documents, 1):
        if not isinstance(document, dict):
            notes.append({"path": f"document {number}", "reason": "is not a mapping; ignored"})
            continue
        for name in sorted(document.keys() & found.keys()):
            notes.append({"path": name, "reason": f"document {number} has it again; ignored"})
        found = document | found
    if not found:
        raise UnprocessableEntity("There is no mapping of fields, such as `title: …`.")
    return found


def metadata(entry: dict[str, Any], notes: Notes) -> dict[str, Any]:
    """The columns of `FeedstockMetadata` that `entry` has, the mapping of meta.yaml and catalog.yaml."""
    top = Place(entry, "", notes)
    provenance = top.get("provenance").mapping()
    provenance.ignore_others({"providers", "license", "license_link"})
    values = {
        "title": top.get("title").name(),
        "description": top.get("description").text(),
        **_license(provenance),
        "providers": _present(_provider, provenance.get("providers")),
        "maintainers": _present(_maintainer, top.get("maintainers")),
        "keywords": _keywords(top.get("tags", "keywords")),
        "links": _present(_link, top.get("links")),
        "thumbnail_url": top.get("thumbnail").url(),
        "citation": "\n".join(_present(_citation, top.get("citation"))) or None,
        "acknowledgements": top.get("acknowledgements", "acknowledgments").text(),
    }
    top.ignore_others(FIELDS)
    return values


def _present(read: Any, place: Place) -> list[Any]:
    return [value for item in place.items() if (value := read(item)) is not None]


def _license(provenance: Place) -> dict[str, str | None]:
    text = provenance.get("license").text(NOTE_MAX, placeholder=True)
    link = provenance.get("license_link")
    title = link.get("title").name()
    url = (link.get("url") if isinstance(link.value, dict) else link).url()
    found = spdx_id(text) or spdx_id(url) or spdx_id(title)
    if text and not found:
        provenance.get("license").note(f'"{text[:NAME_MAX]}" is not one licence of SPDX; kept as a text')
    if text and not url and text.startswith("http"):
        url = provenance.get("license").url()
    shown = f"{text} ({title})" if text and title and title != text else text or title or url
    return {"license": found, "license_text": shown, "license_url": url}


def _provider(place: Place) -> dict[str, Any] | None:
    if isinstance(place.value, str):
        place = Place({"name": place.value}, place.path, place.notes)
    fields = place.mapping()
    name, url = fields.get("name").name(), fields.get("url").url()
    if not (name or url):
        place.note("has no name; ignored")
        return None
    fields.ignore_others(PROVIDER_FIELDS)
    roles, others = _roles(fields.get("roles"))
    more = [f"roles: {', '.join(others)}"] if others else []
    more += [f"https://orcid.org/{orcid}"] if (orcid := _orcid(fields.get("orcid"))) else []
    more += [f"https://github.com/{github}"] if (github := _github(fields.get("github"))) else []
    description = fields.get("description").text(NOTE_MAX)
    if more:
        description = f"{description or ''} ({', '.join(more)})".strip()[:NOTE_MAX]
    return {"name": name or url, "roles": roles, "url": url, "description": description}


def _roles(place: Place) -> tuple[list[str], list[str]]:
    """The roles of STAC, and the other ones."""
    roles: dict[str, None] = {}
    others: dict[str, None] = {}
    for item in place.items(20):
        role = item.name()
        if role and role.lower() in ROLES:
            roles[role.lower()] = None
        elif role:
            item.note(f'"{role}" is not a role of STAC ({", ".join(ROLES)}); kept in the description')
            others[role] = None
    return list(roles), list(others)


def _maintainer(place: Place) -> dict[str, Any] | None:
    if isinstance(place.value, str):
        place = Place({"name": place.value}, place.path, place.notes)
    fields = place.mapping()
    github = _github(fields.get("github"))
    name = fields.get("name").name() or github
    if not name:
        place.note("has no name; ignored")
        return None
    if fields.get("email").value is not None:
        fields.get("email").note("is an address of a person, which the catalogue does not publish; ignored")
    fields.ignore_others({"name", "github", "orcid", "email"})
    return {"name": name, "github": github, "orcid": _orcid(fields.get("orcid"))}


def _github(place: Place) -> str | None:
    text = re.sub(r"^(https?://(www\.)?github\.com/|@)", "", place.text(NAME_MAX) or "", flags=re.IGNORECASE)
    if text and not re.fullmatch(GITHUB, text.rstrip("/")):
        place.note("is not an account on GitHub; ignored")
        return None
    return text.rstrip("/") or None


def _orcid(place: Place) -> str | None:
    text = re.sub(r"^((https?://)?orcid\.org/|orcid:)", "", place.text(NAME_MAX) or "", flags=re.IGNORECASE)
    orcid = text.strip().rstrip("/").upper()
    if orcid and not re.fullmatch(ORCID, orcid):
        place.note("is not an ORCID iD; ignored")
    elif orcid and not has_check_digit(orcid):
        place.note("is not an ORCID iD, because its last digit is wrong; ignored")
    else:
        return orcid or None
    return None


def _keywords(place: Place) -> list[str]:
    if isinstance(place.value, str):
        place = Place(place.value.split(","), place.path, place.notes)
    return list(dict.fromkeys(_present(Place.name, place)))


def _link(place: Place) -> dict[str, Any] | None:
    if isinstance(place.value, str):
        place = Place({"url": place.value}, place.path, place.notes)
    fields = place.mapping()
    if fields.get("url").value in (None, ""):
        place.note("has no url; ignored")
    fields.ignore_others({"label", "title", "url"})
    url = fields.get("url").url()
    return {"title": fields.get("label", "title").name(), "url": url} if url else None


def _citation(place: Place) -> str | None:
    """A citation as one line: a text, or fields such as those of BibTeX."""
    if not isinstance(place.value, dict):
        return place.text(NOTE_MAX)
    authors = ", ".join(_present(Place.name, place.get("authors", "author")))
    year = place.get("year").name()
    parts = f"{authors} ({year})." if authors and year else authors or year or ""
    for name, before in CITATION:
        if text := place.get(name).name():
            parts = f"{parts}{before}{text.rstrip('.')}" + ("." if name in ("title",) else "")
    place.ignore_others({"authors", "author", "year", *(name for name, _ in CITATION)})
    return parts.strip() or None
