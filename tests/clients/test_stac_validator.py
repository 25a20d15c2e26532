"""stac-api-validator checks the STAC API."""

import re
import subprocess

from tests.support.clients import require
from tests.support.live import ROOT

VALIDATOR = ROOT / ".venv" / "stac" / "bin" / "stac-api-validator"
NO_VALIDATOR = "stac-api-validator is not installed: run `make clients`"
# It fetches the schemas of STAC. Where it cannot, tests/routes/test_stac.py has checked them with those of pystac.
NO_SCHEMA = re.compile(r"Failed to resolve \\?'schemas\.stacspec\.org")


def test_stac_api_validator_finds_no_error(service):
    options = ["--conformance", "core", "--conformance", "collections", "--collection", "7"]
    command = [require(VALIDATOR, NO_VALIDATOR), "--root-url", f"{service}/stac", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    _, was_run, errors = done.stdout.partition("\nErrors:")
    assert was_run
    errors = re.findall(r"^- .*", errors, re.MULTILINE)
    assert [error for error in errors if not NO_SCHEMA.search(error)] == []
