"""The audit of dependencies fails for a vulnerability, and for a package that could not be audited."""

import json
import re
import subprocess

import pytest

from tests.support import vulnerabilities
from tests.support.live import ROOT
from tests.support.vulnerabilities import CLEAN, FAILED, NOT_AUDITED, failure

SAFE = {"name": "flask", "version": "3.1.3", "vulns": []}
FLAW = {"id": "PYSEC-2026-1", "fix_versions": ["3.1.4"]}


SKIPPED = {"name": "ours", "skip_reason": "Dependency not found on PyPI"}


def verdict(*packages):
    return vulnerabilities.verdict(json.dumps({"dependencies": packages}), "")


def test_a_package_without_a_finding_is_clean():
    assert verdict(SAFE) == ("1 of 1 packages audited, 0 findings.", CLEAN)


def test_a_finding_fails_and_names_the_release_that_fixes_it():
    text, outcome = verdict(SAFE | {"vulns": [FLAW]}, SKIPPED)
    assert outcome == FAILED
    assert "flask 3.1.3 has PYSEC-2026-1, fixed in ['3.1.4']." in text


def test_a_package_without_advisories_is_reported_loudly():
    text, outcome = verdict(SAFE, SKIPPED)
    assert outcome == NOT_AUDITED
    assert text.startswith("!!! NOT AUDITED: 1 packages, the first because: Dependency not found on PyPI")


def test_a_network_that_is_down_is_reported_loudly():
    text, outcome = vulnerabilities.verdict("", "Traceback\nrequests.exceptions.ConnectionError: pypi.org")
    assert (text, outcome) == ("!!! NOT AUDITED: requests.exceptions.ConnectionError: pypi.org", NOT_AUDITED)


def test_an_audit_that_failed_for_another_reason_fails():
    assert vulnerabilities.verdict("", "ValueError: no such file")[1] == FAILED
    assert vulnerabilities.verdict("", "")[1] == FAILED


@pytest.mark.parametrize("offline", [False, True])
def test_a_vulnerability_fails_even_where_missing_advisories_are_allowed(offline):
    assert failure({CLEAN, FAILED, NOT_AUDITED}, offline).startswith("A package has a known vulnerability")


def test_missing_advisories_fail_unless_they_are_allowed_by_name():
    assert failure({CLEAN, NOT_AUDITED}, offline=False).endswith("make lint AUDIT=offline")
    assert failure({CLEAN, NOT_AUDITED}, offline=True) is None
    assert failure({CLEAN}, offline=False) is None


@pytest.mark.parametrize("how", ["", " AUDIT=offline"])
def test_make_lint_passes_its_option_to_the_audit(how):
    asked = ["make", "--dry-run", "--no-print-directory", "--assume-old=.venv/development", "lint", *how.split()]
    printed = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.search(rf"-m tests.support.vulnerabilities *{how.partition('=')[2]}$", printed.strip())


def test_every_file_of_pinned_requirements_is_audited():
    optional = {
        f"requirements/{name}.txt" for name in ("bench", "client", "clients", "dev", "fuzz", "otel", "repr", "sentry")
    }
    optional |= {"requirements/deploy.txt", "requirements/stac.txt"}
    assert set(vulnerabilities.FILES) == {"requirements.txt"} | optional
