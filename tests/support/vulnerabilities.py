"""Asks pip-audit whether anything that is pinned is known to be vulnerable; a finding is exit code 1.

Where the advisories cannot be reached, that is reported loudly and is not a failure. `make lint` runs this as
`python -m tests.support.vulnerabilities`.
"""

import json
import subprocess
import sys

from tests.support.live import BIN, ROOT

FILES = sorted(
    str(path.relative_to(ROOT)) for path in (*ROOT.glob("requirements.txt"), *ROOT.glob("requirements/*.txt"))
)
LOUD = "!!! NOT AUDITED:"
UNREACHABLE = ("requests.exceptions.", "pip_audit._service.interface.ConnectionError")


def main() -> None:
    failures = [name for name in FILES if audit(name)]
    sys.exit(bool(failures))


def audit(name: str) -> bool:
    """Print the verdict on a file; whether it is a failure. Files are separate environments with separate versions."""
    command = [str(BIN / "pip-audit"), "--disable-pip", "--require-hashes", "--progress-spinner=off", "--format=json"]
    ended = subprocess.run([*command, "-r", name], cwd=ROOT, capture_output=True, text=True)
    text, failed = verdict(ended.stdout, ended.stderr)
    print(f"{name}: {text}")
    return failed


def verdict(output: str, errors: str) -> tuple[str, bool]:
    """What to print for what pip-audit printed, and whether that is a failure."""
    if not output:
        last = (errors.strip() or "pip-audit said nothing").splitlines()[-1]
        return f"{LOUD} {last}", not last.startswith(UNREACHABLE)
    packages = json.loads(output)["dependencies"]
    findings = [
        f"{package['name']} {package['version']} has {flaw['id']}, fixed in {flaw['fix_versions'] or 'no release'}."
        for package in packages
        for flaw in package.get("vulns", ())
    ]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    loud = [f"{LOUD} there are no advisories to be had for {len(unknown)} packages."] if unknown else []
    summary = f"{len(packages) - len(unknown)} of {len(packages)} packages audited, {len(findings)} findings."
    return "\n".join([*findings, *loud, summary]), bool(findings)


if __name__ == "__main__":
    main()
