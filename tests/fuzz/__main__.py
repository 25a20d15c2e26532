"""Run Schemathesis with all its checks and phases, and print how many requests each role sent on each database.

Continues with other seeds until the required number of requests is reached, and exits with 1 if a check failed.
Schemathesis has a separate environment, because it depends on fifty packages and installs a plugin for pytest.
"""

import argparse
import json
import secrets
import subprocess
import sys
import tempfile
from contextlib import contextmanager, nullcontext
from itertools import count
from pathlib import Path

from sqlalchemy.engine import URL

from tests.support import live, postgres
from tests.support.apps import ADMIN_KEY, environment

HERE = Path(__file__).parent
# The keys that are created for the run: one limited to a bakery, and one that writes.
NEW_KEYS = {"runner": {"scopes": ["bakery:1"]}, "writer": {}}
ROLES = ("nobody", *NEW_KEYS, "admin")
# Rate limits would hide other errors. Without a secret, the webhook of GitHub would answer 501 to any signature.
SETTINGS = {"RATELIMIT_WRITES": "99999999/second", "RATELIMIT_FAILURES": "99999999/second"}
SETTINGS |= {"GITHUB_WEBHOOK_SECRET": secrets.token_hex()}


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("schemathesis", help="the command of Schemathesis")
    parser.add_argument("--cases", type=int, default=20_000, help="requests on each database, at least")
    parser.add_argument("--examples", type=int, default=30, help="of each operation, in each role and phase")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, postgres.server() as server:
        databases = {"sqlite": lambda: sqlite(folder), "postgresql": lambda: postgres.database(server)}
        results = [fuzz(options, *database) for database in databases.items()]
    return 0 if all(results) else 1


def fuzz(options, name, database):
    """Fuzz the database, one role after the other and each with new data, in rounds until there are enough requests.

    Return whether there was no failure.
    """
    sent, failures = 0, 0
    for seed in count(options.seed):
        for role in ROLES:
            with database() as url, service(url) as (address, keys):
                cases = run(options, address, keys[role], seed)
            summary = f"seed {seed}: {cases['generated']} requests, {cases['unique_failures']} failures"
            print(f"{name:<11} {role:<7} {summary}", flush=True)
            sent, failures = sent + cases["generated"], failures + cases["unique_failures"] + cases["errored"]
        if failures or sent >= options.cases:
            break
    print(f"{name:<11} total {sent} requests, {failures} failures", flush=True)
    return not failures


def sqlite(folder):
    return nullcontext(URL.create("sqlite", database=f"{folder}/{secrets.token_hex(4)}.sqlite"))


@contextmanager
def service(url):
    """The address of a service with the example catalogue in that database, and a key for each role."""
    env = environment(url, **SETTINGS)
    for command in (("db", "upgrade"), ("seed",)):
        assert live.flask(env, *command).returncode == 0
    with live.server(env) as address:
        made = {role: live.post(f"{address}/api-keys", body, ADMIN_KEY)["key"] for role, body in NEW_KEYS.items()}
        yield address, {"nobody": None, "admin": ADMIN_KEY, **made}


def run(options, address, key, seed):
    """Run Schemathesis, print its findings and return its counts of cases."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        arguments = [
            "--seed",
            str(seed),
            "--max-examples",
            str(options.examples),
            "--report",
            "json",
            "--report-json-path",
            str(report),
            "--no-color",
        ]
        credentials = ["--header", f"X-API-Key:{key}"] if key else []
        command = [
            options.schemathesis,
            "--config-file",
            str(HERE / "schemathesis.toml"),
            "run",
            f"{address}/openapi.json",
        ]
        done = subprocess.run([*command, *arguments, *credentials], cwd=live.ROOT, capture_output=True, text=True)
        if done.returncode:
            print(done.stdout, done.stderr)
        counts = json.loads(report.read_text())["test_cases"]
        return counts | {"errored": counts["errored"] + (done.returncode not in (0, 1))}


if __name__ == "__main__":
    sys.exit(main())
