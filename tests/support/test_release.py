"""A release needs a section of the changelog with a date, and the version of the client."""

import pytest

from tests.support.release import fault, notes

CHANGELOG = """\
# Changelog

## 1.10.0 (unreleased)

- Not yet.

## 1.1.0 (2026-11-27)

- A new filter.

### Operation

- A new setting.

## 1.0.0 (2026-10-01)

- The first release.
"""


def test_the_notes_are_the_section_of_the_version():
    assert notes("1.1.0", CHANGELOG) == "- A new filter.\n\n### Operation\n\n- A new setting."
    assert notes("1.0.0", CHANGELOG) == "- The first release."


def test_a_version_with_a_section_and_the_version_of_the_client_can_be_released():
    assert fault("1.1.0", CHANGELOG, "1.1.0") is None


@pytest.mark.parametrize("version", ["1.10.0", "1.2.0", "1"])
def test_a_version_without_a_dated_section_cannot_be_released(version):
    assert fault(version, CHANGELOG, version) == (
        f"CHANGELOG.md has no section of {version} with a date, such as: ## {version} (2026-01-31)"
    )


def test_another_version_than_that_of_the_client_cannot_be_released():
    assert fault("1.1.0", CHANGELOG, "1.0.0").startswith("The client has the version 1.0.0, see ")
