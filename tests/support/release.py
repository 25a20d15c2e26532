"""Prints the section of CHANGELOG.md about a version, which are the notes of its release.

`make release VERSION=1.2.3` runs this. The exit code is 1, with a sentence, if the changelog has no section of this
version with a date, or if the client has another version.
"""

import re
import sys

from pangeo_forge_client.version import __version__
from tests.support.live import ROOT


def fault(version: str, changelog: str, of_client: str) -> str | None:
    """Why this version cannot be released, or None."""
    if version != of_client:
        return f"The client has the version {of_client}, see client/pangeo_forge_client/version.py."
    if not notes(version, changelog):
        return f"CHANGELOG.md has no section of {version} with a date, such as: ## {version} (2026-01-31)"
    return None


def notes(version: str, changelog: str) -> str:
    """The text of the section, without its heading; empty if there is none."""
    heading = rf"^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)\n"
    found = re.search(rf"{heading}(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""


if __name__ == "__main__":
    version, changelog = sys.argv[1], (ROOT / "CHANGELOG.md").read_text()
    if reason := fault(version, changelog, __version__):
        sys.exit(reason)
    print(notes(version, changelog))
