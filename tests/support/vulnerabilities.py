"""Asks pip-audit whether a pinned package has a known vulnerability.

`make lint` runs this as `python -m tests.support.vulnerabilities`. The exit code is 1 if a package has one, and also
if a package could not be audited. On a machine that cannot reach the advisories, the argument `offline` allows the
latter: it is then reported loudly, but the audit passes.
"""

import argparse
import json
import subprocess
import sys

from tests.support.live import BIN, ROOT

FILES = sorted(
    str(path.relative_to(ROOT)) for path in (*ROOT.glob("requirements.txt"), *ROOT.glob("requirements/*.txt"))
)
LOUD = "!!! NOT AUDITED:"
ADVICE = "Not every package was audited. Where the advisories cannot be reached, run: make lint AUDIT=offline"
UNREACHABLE = ("requests.exceptions.", "pip_audit._service.interface.ConnectionError")
CLEAN, FAILED, NOT_AUDITED = "clean", "failed", "not audited"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", nargs="?", choices=["offline"], help="pass even if packages could not be audited")
    offline = parser.parse_args().mode == "offline"
    sys.exit(failure({audit(name) for name in FILES}, offline))


def failure(outcomes: set[str], offline: bool) -> str | None:
    """The reason why the audit fails, or None."""
    if FAILED in outcomes:
        return "A package has a known vulnerability, or the audit itself failed."
    return ADVICE if NOT_AUDITED in outcomes and not offline else None


def audit(name: str) -> str:
    """Print the verdict on a file and return the outcome. Files are separate environments with separate versions."""
    command = [str(BIN / "pip-audit"), "--disable-pip", "--require-hashes", "--progress-spinner=off", "--format=json"]
    ended = subprocess.run([*command, "-r", name], cwd=ROOT, capture_output=True, text=True)
    text, outcome = verdict(ended.stdout, ended.stderr)
    print(f"{name}: {text}")
    return outcome


def verdict(output: str, errors: str) -> tuple[str, str]:
    """The text about the output of pip-audit, and the outcome."""
    if not output:
        last = (errors.strip() or "pip-audit said nothing").splitlines()[-1]
        return f"{LOUD} {last}", NOT_AUDITED if last.startswith(UNREACHABLE) else FAILED
    packages = json.loads(output)["dependencies"]
    findings = [
        f"{package['name']} {package['version']} has {flaw['id']}, fixed in {flaw['fix_versions'] or 'no release'}."
        for package in packages
        for flaw in package.get("vulns", ())
    ]
    unknown = [package["skip_reason"] for package in packages if "skip_reason" in package]
    loud = [f"{LOUD} {len(unknown)} packages, the first because: {unknown[0]}"] if unknown else []
    summary = f"{len(packages) - len(unknown)} of {len(packages)} packages audited, {len(findings)} findings."
    outcome = FAILED if findings else NOT_AUDITED if unknown else CLEAN
    return "\n".join([*findings, *loud, summary]), outcome


if __name__ == "__main__":
    main()
