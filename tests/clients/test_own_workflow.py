"""The shell steps of `client/examples/github-actions.yml`, with the command of the wheel."""

import os
import re
import subprocess

import pytest
import yaml

from pangeo_forge_client import Client
from tests.support.apps import ADMIN_KEY
from tests.support.clients import require
from tests.support.live import ROOT
from tests.support.own_client import WHEEL, WITHOUT_WHEEL

WORKFLOW = yaml.safe_load((ROOT / "client/examples/github-actions.yml").read_text())
GOOD = """
import os
with open(os.environ["GITHUB_ENV"], "a") as file:
    file.write("DATASET_URL=https://data.org/gpcp.zarr\\n")
print("stored 12 months")
"""
BAD = "raise FileNotFoundError('https://archive.org/day3.nc')"


# What GitHub sets.
VARIABLES = {
    "GITHUB_REPOSITORY": "pangeo-forge/gpcp-feedstock",
    "GITHUB_SHA": "35d889f",
    "GITHUB_REF_NAME": "main",
    "GITHUB_RUN_ID": "77",
    "GITHUB_SERVER_URL": "https://github.com",
}


class Job:
    """Runs the steps of the workflow as GitHub does: a failed step ends the job, but for steps that run always."""

    def __init__(self, folder, service, attempt, **changes):
        self.folder, self.status, self.printed, self.file = folder, "success", "", folder / "env"
        self.file.write_text("")
        self.env = VARIABLES | {"GITHUB_ENV": str(self.file), "GITHUB_RUN_ATTEMPT": attempt, "HOME": str(folder)}
        self.env |= {"PATH": f"{WHEEL}:{os.environ['PATH']}"} | self.evaluated(WORKFLOW["jobs"]["build"]["env"])
        self.env |= {"PANGEO_FORGE_SERVER": service, "BAKERY": "laptop"} | changes

    def evaluated(self, env):
        values = {"secrets.PANGEO_FORGE_API_KEY": ADMIN_KEY, "job.status": self.status}
        return {name: re.sub(r"\$\{\{ (.*?) \}\}", lambda found: values[found[1]], text) for name, text in env.items()}

    def goes_on(self, condition):
        terms = {"success()": self.status == "success", "always()": True, "env.RUN": bool(self.env.get("RUN"))}
        return all(terms[term] for term in condition.split(" && "))

    def run(self):
        for step in WORKFLOW["jobs"]["build"]["steps"]:
            if "run" in step and self.goes_on(step.get("if", "success()")):
                command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
                env = self.env | self.evaluated(step.get("env", {}))
                done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True)
                self.printed += done.stdout + done.stderr
                self.status = "failure" if done.returncode else self.status
                self.env |= dict(line.split("=", 1) for line in self.file.read_text().splitlines())
        return self


@pytest.fixture
def build(forge_service, tmp_path):
    """Runs the workflow with a recipe, and returns the finished job."""
    require(WHEEL / "pangeo-forge", WITHOUT_WHEEL)

    def built(recipe, attempt, **env):
        (tmp_path / "recipe.py").write_text(recipe)
        return Job(tmp_path, forge_service, attempt, **env).run()

    return built


def run_of(job, service):
    """The run of a job, and its log."""
    assert "RUN" in job.env, job.printed
    with Client(service, ADMIN_KEY) as forge:
        return forge.runs.get(int(job.env["RUN"])), forge.runs.log_text(int(job.env["RUN"]))


def test_a_recipe_that_works_is_a_run_with_a_dataset_and_a_log(build, forge_service):
    job = build(GOOD, "1")
    run, log = run_of(job, forge_service)
    assert (job.status, run.conclusion, log) == ("success", "success", "stored 12 months\n"), job.printed
    assert (run.dataset_public_url, run.head_sha) == ("https://data.org/gpcp.zarr", "35d889f")
    assert run.external_url == "https://github.com/pangeo-forge/gpcp-feedstock/actions/runs/77"


def test_a_recipe_that_fails_is_a_run_that_says_why(build, forge_service):
    job = build(BAD, "2")
    run, log = run_of(job, forge_service)
    assert (job.status, run.conclusion) == ("failure", "failure"), job.printed
    assert (run.failure.kind, "day3.nc" in log) == ("source_not_found", True)


def test_a_workflow_that_cannot_report_its_start_fails_with_a_sentence(build):
    job = build(GOOD, "3", BAKERY="unknown")
    assert (job.status, "RUN" in job.env) == ("failure", False)
    assert "none has the name unknown" in job.printed
