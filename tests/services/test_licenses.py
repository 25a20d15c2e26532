"""Ids of SPDX for the licences of real feedstocks."""

import pytest

from app.services.licenses import known_id, spdx_id

TOLD = {
    "CC-BY-4.0": "CC-BY-4.0",
    "cc by-sa 4.0": "CC-BY-SA-4.0",
    "CC0": "CC0-1.0",
    "Apache Version 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "MIT License": "MIT",
    "Creative Commons Attribution 4.0 International": "CC-BY-4.0",
    "Creative Commons Attribution 4.0 (CC BY 4.0)": "CC-BY-4.0",
    "Creative Commons Attribution-NonCommercial-NoDerivatives 4.0 International (CC BY-NC-ND 4.0)": "CC-BY-NC-ND-4.0",
    "NASA Open Data - Creative Commons Zero (CC0)": "CC0-1.0",
    "Open Government Licence v3.0": "OGL-UK-3.0",
    "https://creativecommons.org/licenses/by/4.0/": "CC-BY-4.0",
    "http://creativecommons.org/licenses/by-nc/4.0/legalcode.de": "CC-BY-NC-4.0",
    "https://creativecommons.org/licenses/by/3.0/us/": "CC-BY-3.0-US",
    "https://creativecommons.org/publicdomain/zero/1.0/deed.en": "CC0-1.0",
    "https://www.apache.org/licenses/LICENSE-2.0.txt": "Apache-2.0",
    "https://opensource.org/license/mit": "MIT",
    "https://spdx.org/licenses/ODbL-1.0.html": "ODbL-1.0",
    "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/": "OGL-UK-3.0",
    "https://www.nationalarchives.gov.uk/doc/non-commercial-government-licence/version/2/": "NCGL-UK-2.0",
}
NOT_TOLD = [
    *("CC BY", "CC-BY", "CC 4.0", "TBD", "unknown", "proprietary", "Open Data", "Just a Test", "", None, "((", "()"),
    *("No constraints on data access or use.", "https://doi.org/10.48670/moi-00168", "Open Government License"),
    *("MIT (Apache 2.0)", "CC BY 4.0 (not for companies)", "https://creativecommons.org/licenses/by/9.9/"),
    *("https://spdx.org/licenses/none.html", "https://evil.org/?creativecommons.org/licenses/by/4.0/"),
]


@pytest.mark.parametrize(("text", "expected"), TOLD.items())
def test_a_licence_that_can_be_told_has_its_id(text, expected):
    assert spdx_id(text) == expected


@pytest.mark.parametrize("text", NOT_TOLD)
def test_a_licence_that_cannot_be_told_has_no_id(text):
    assert spdx_id(text) is None


def test_an_id_is_known_in_any_case_and_nothing_else_is():
    assert (known_id("cc-by-4.0"), known_id("CC BY 4.0")) == ("CC-BY-4.0", None)
