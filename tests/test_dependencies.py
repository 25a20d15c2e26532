"""The audit of dependencies: what is found fails, what cannot be asked is said."""

import json

from tests.support import vulnerabilities

SAFE = {"name": "flask", "version": "3.1.3", "vulns": []}
FLAW = {"id": "PYSEC-2026-1", "fix_versions": ["3.1.4"]}


def verdict(*packages):
    return vulnerabilities.verdict(json.dumps({"dependencies": packages}), "")


def test_no_finding_passes():
    assert verdict(SAFE) == ("1 of 1 packages audited, 0 findings.", False)


def test_a_finding_fails_and_names_the_release_that_fixes_it():
    text, failed = verdict(SAFE | {"vulns": [FLAW]})
    assert failed
    assert "flask 3.1.3 has PYSEC-2026-1, fixed in ['3.1.4']." in text


def test_a_package_without_advisories_is_said_loudly():
    text, failed = verdict(SAFE, {"name": "ours", "skip_reason": "not found"})
    assert not failed
    assert text.splitlines()[0] == "!!! NOT AUDITED: there are no advisories to be had for 1 packages."


def test_a_network_that_is_down_is_said_loudly_and_passes():
    text, failed = vulnerabilities.verdict("", "Traceback\nrequests.exceptions.ConnectionError: pypi.org")
    assert (text, failed) == ("!!! NOT AUDITED: requests.exceptions.ConnectionError: pypi.org", False)


def test_an_audit_that_broke_for_another_reason_fails():
    assert vulnerabilities.verdict("", "ValueError: no such file")[1]
    assert vulnerabilities.verdict("", "")[1]


def test_every_file_of_pinned_requirements_is_audited():
    optional = {f"requirements/{name}.txt" for name in ("bench", "dev", "fuzz", "otel", "repr", "sentry")}
    assert set(vulnerabilities.FILES) == {"requirements.txt"} | optional
