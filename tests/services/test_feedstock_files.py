"""Metadata from the files of feedstocks, in every shape that exists."""

import orjson
import pytest
from werkzeug.exceptions import BadRequest, UnprocessableEntity

from app.models.feedstock_metadata import NAME_MAX, ROLES, has_check_digit
from app.services import feedstock_files, tolerant
from app.services.yaml_documents import read
from tests.support.feedstock_files import CATALOG, FEDERATION, FEEDSTOCKS, META, needs_data

FILES = sorted(FEEDSTOCKS.rglob("meta.yaml"))
NOT_USABLE = {"oisst": BadRequest, "test-oisst-2": UnprocessableEntity}


def described(*files):
    """The metadata of the files, and what was noted about them as lines."""
    notes = []
    documents = [document for file in files for document in read(file, notes)]
    values = feedstock_files.metadata(feedstock_files.merged(documents, notes), notes)
    return values, [f"{note['path']}: {note['reason']}" for note in notes]


def one(name, text):
    """The value of one field, and the notes."""
    values, notes = described(text)
    return values[name], notes


def provider(text):
    """The only provider, and the notes without their path."""
    (found,), notes = one("providers", f"provenance: {{providers: [{text}]}}")
    return found, [note.removeprefix("provenance.providers[0]") for note in notes]


def maintainer(text):
    found, notes = one("maintainers", f"maintainers: [{text}]")
    return found, [note.removeprefix("maintainers[0]") for note in notes]


def license_of(text):
    values, notes = described(f"provenance: {{{text}}}")
    return [values[name] for name in ("license", "license_text", "license_url")], notes


def test_both_files_of_a_feedstock_are_taken_without_a_note_about_the_build():
    values, notes = described(META, CATALOG)
    assert notes == []
    assert values == {
        **{"title": "Sea surface temperature", "description": "Daily, from satellites."},
        **{"license": "CC-BY-4.0", "license_text": "CC-BY-4.0", "license_url": None},
        "providers": [
            {
                **{"name": "Met Office", "roles": ["producer", "licensor"]},
                **{"url": "https://www.metoffice.gov.uk", "description": None},
            }
        ],
        "maintainers": [{"name": "Josiah Carberry", "github": "octocat", "orcid": "0000-0002-1825-0097"}],
        **{"keywords": ["ocean", "sst"], "links": [{"title": "DOI", "url": "https://doi.org/10.5281/zenodo.1"}]},
        **{"thumbnail_url": None, "citation": None, "acknowledgements": None},
    }


@pytest.mark.parametrize("text", ["TODO", "tbd", "...", "n/a"])
def test_a_placeholder_is_not_a_text(text):
    assert one("description", f"description: {text}") == (None, [f'description: "{text}" is a placeholder; ignored'])


@pytest.mark.parametrize(
    ("text", "value", "notes"),
    [
        ("title: 2020", "2020", []),
        ("title: no", "no", []),
        ("title: '  a\n   b '", "a b", []),
        ("title: [a]", None, ["title: is not a text; ignored"]),
        ('title: "a\\0"', None, ["title: contains the character U+0000; ignored"]),
        ("title: " + "x" * 600, "x" * 500, ["title: has more than 500 characters; only the first are taken"]),
        ("title: ~\nfoo: 1", None, ["foo: is not a field of the catalogue; ignored"]),
        ("title: A\n---\ntitle: B", "A", ["title: document 2 has it again; ignored"]),
        ("title: A\n---\n- b", "A", ["document 2: is not a mapping; ignored"]),
    ],
)
def test_a_title_is_what_is_usable(text, value, notes):
    assert one("title", text) == (value, notes)


@pytest.mark.parametrize(
    ("text", "values", "noted"),
    [
        ("license: CC-BY-4.0", ["CC-BY-4.0", "CC-BY-4.0", None], False),
        ("license: CC0", ["CC0-1.0", "CC0", None], False),
        ("license: TBD", [None, "TBD", None], True),
        ("license: https://doi.org/10.1/x", [None, "https://doi.org/10.1/x", "https://doi.org/10.1/x"], True),
        ("license: proprietary, license_link: {title: '', url: ''}", [None, "proprietary", None], True),
        (
            "license: proprietary, license_link: {title: A, url: 'http://a.org'}",
            *[[None, "proprietary (A)", "http://a.org"], True],
        ),
        (
            "license: free, license_link: 'https://creativecommons.org/licenses/by/4.0/'",
            *[["CC-BY-4.0", "free", "https://creativecommons.org/licenses/by/4.0/"], False],
        ),
        ("license: MIT, license_link: 'javascript:alert(1)'", ["MIT", "MIT", None], True),
        ("license_link: {title: MIT License}", ["MIT", "MIT License", None], False),
        ("license: ~", [None, None, None], False),
    ],
)
def test_a_licence_has_the_text_always_and_the_id_if_it_can_be_told(text, values, noted):
    found, notes = license_of(text)
    assert (found, bool(notes)) == (values, noted)


@pytest.mark.parametrize(
    ("text", "expected", "notes"),
    [
        ("{name: A, roles: [HOST, host]}", {"roles": ["host"]}, []),
        ("{name: A, roles: host}", {"roles": ["host"]}, []),
        ("{name: A, roles: [curator], description: B}", {"description": "B (roles: curator)"}, [".roles[0]: "]),
        ("{name: A, roles: [1, {}]}", {"description": "(roles: 1)"}, [".roles[0]: ", ".roles[1]: "]),
        (
            "{name: A, github: a, orcid: 0000-0002-1825-0097}",
            {"description": "(https://orcid.org/0000-0002-1825-0097, https://github.com/a)"},
            [],
        ),
        ("{name: A, url: www.a.org}", {"url": "https://www.a.org"}, []),
        ("{name: A, url: 'doi:10.5281/zenodo.1'}", {"url": "https://doi.org/10.5281/zenodo.1"}, []),
        ("{name: A, url: 'data:text/html,x'}", {}, [".url: is not a URL of the web; ignored"]),
        ("{name: A, url: 'https://u:p@a.org'}", {}, [".url: contains a user or a password, and everyone"]),
        ("{name: A, email: a@b.org}", {}, [".email: is not a field of the catalogue; ignored"]),
        ("A", {}, []),
    ],
)
def test_a_provider_keeps_the_roles_of_stac_and_what_else_was_said(text, expected, notes):
    found, noted = provider(text)
    assert found == {"name": "A", "roles": [], "url": None, "description": None} | expected
    assert [line[: len(note)] for line, note in zip(noted, notes, strict=True)] == notes


@pytest.mark.parametrize(
    ("text", "expected", "notes"),
    [
        ("{name: A, github: 'https://github.com/octocat/'}", {"github": "octocat"}, []),
        ("{name: A, github: '@octocat'}", {"github": "octocat"}, []),
        ("{name: A, github: 'a b'}", {}, [".github: is not an account on GitHub; ignored"]),
        ("{name: A, orcid: https://orcid.org/0000-0001-5109-3700}", {"orcid": "0000-0001-5109-3700"}, []),
        ("{name: A, orcid: ''}", {}, []),
        (
            "{name: A, orcid: 0000-0000-0000-0009}",
            {},
            [".orcid: is not an ORCID iD, because its last digit is wrong; ignored"],
        ),
        ("{name: A, orcid: x}", {}, [".orcid: is not an ORCID iD; ignored"]),
        (
            "{name: A, email: a@b.org}",
            {},
            [".email: is an address of a person, which the catalogue does not publish; ignored"],
        ),
        ("{github: A}", {"github": "A"}, []),
    ],
)
def test_a_maintainer_has_a_name_and_what_is_right_of_the_rest(text, expected, notes):
    assert maintainer(text) == ([{"name": "A", "github": None, "orcid": None} | expected], notes)


@pytest.mark.parametrize("text", ["{}", "{orcid: 0000-0002-1825-0097}", "[a]", "{name: [a]}"])
def test_a_maintainer_without_a_name_is_ignored(text):
    found, notes = maintainer(text)
    assert (found, notes[-1]) == ([], ": has no name; ignored")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("tags: [a, b, a, ' ', ~]", ["a", "b"]),
        ("tags: a, b", ["a", "b"]),
        ("tags: ~", []),
        ("keywords: [a]", ["a"]),
        ("tags: [my-custom-tag, zarr]", ["zarr"]),
        ("tags: [{a: b}, [c], d]", ["d"]),
    ],
)
def test_keywords_are_the_tags(text, value):
    assert one("keywords", text)[0] == value


@pytest.mark.parametrize(
    ("text", "value", "noted"),
    [
        ("{label: DOI, url: 'https://a.org'}", [{"title": "DOI", "url": "https://a.org"}], 0),
        ("{title: DOI, url: 'https://a.org'}", [{"title": "DOI", "url": "https://a.org"}], 0),
        ("'https://a.org'", [{"title": None, "url": "https://a.org"}], 0),
        ("{label: DOI}", [], 1),
        ("{label: DOI, url: 'javascript:alert(1)'}", [], 1),
        ('{label: DOI, url: "java\\nscript:alert(1)"}', [], 1),
        ("~", [], 0),
    ],
)
def test_a_link_leads_to_the_web(text, value, noted):
    found, notes = one("links", f"links: [{text}]")
    assert (found, len(notes)) == (value, noted)


def test_a_citation_is_a_text_or_the_fields_of_one():
    fields = "{authors: 'Beck, H.', year: 2019, title: MSWEP V2., journal: BAMS, volume: 100, pages: 1-2, doi: 10.1/b}"
    assert one("citation", f"citation: [{fields}, Other.]") == (
        "Beck, H. (2019). MSWEP V2. BAMS 100, 1-2 doi:10.1/b\nOther.",
        [],
    )


def test_a_list_is_bounded():
    found, notes = one("keywords", "tags: [" + ",".join(map(str, range(150))) + "]")
    assert (len(found), notes) == (100, ["tags: has 150 items; only the first 100 are taken"])


def test_an_alias_that_contains_itself_is_read_to_its_end():
    values, notes = described("maintainers: &a [*a, {name: B}]\nprovenance: &p {providers: [*p]}")
    assert [person["name"] for person in values["maintainers"]] == ["B"]
    assert notes


def test_aliases_of_a_mapping_with_many_fields_are_noted_a_few_times_each():
    fields = ", ".join(f"k{number}: v" for number in range(1000))
    _, notes = described(f"links: [&a {{{fields}}}, {', '.join(['*a'] * 90)}]")
    assert len(notes) < 100 * 25


def test_only_the_part_of_a_text_that_is_kept_is_normalised(monkeypatch):
    lengths = []
    monkeypatch.setattr(tolerant, "normal", lambda text: lengths.append(len(text)) or text)
    described("title: " + "x" * 100_000)
    assert max(lengths) == 2 * NAME_MAX


@needs_data
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_every_real_feedstock_is_described(file):
    files = [path.read_text() for path in (file, file.with_name("catalog.yaml")) if path.exists()]
    if expected := NOT_USABLE.get(file.parent.name):
        with pytest.raises(expected):
            described(*files)
        return
    values, _ = described(*files)
    assert values["title"]
    assert values["license_text"]
    assert values["maintainers"]
    assert all(person["orcid"] is None or has_check_digit(person["orcid"]) for person in values["maintainers"])
    assert {role for each in values["providers"] for role in each["roles"]} <= set(ROLES)


@needs_data
def test_every_entry_of_a_real_federation_is_described():
    for entry in orjson.loads(FEDERATION.read_bytes()):
        values = feedstock_files.metadata(entry, [])
        assert values["title"] == " ".join(entry["title"].split())
        assert values["license_text"]
