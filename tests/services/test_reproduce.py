"""The script that runs a recipe again: bash and shellcheck accept it, and it does what it says."""

import os
import shutil
import subprocess
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from werkzeug.exceptions import NotFound

from app.services.reproduce import script

# In place of Python: `-m venv` makes a folder with a runner that shows how it was called.
FAKE_PYTHON = """#!/usr/bin/env bash
case "$*" in
"-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && cp "$(dirname "$0")/runner" "$3/bin/pangeo-forge-runner" ;;
"-m pip install --help") echo "  --uploaded-prior-to <datetime>" ;;
"-m pip "*) printf 'pip %s\\n' "${*:3}" >>"$CALLS" ;;
-c*) echo /packages ;;
esac
"""
FAKE_RUNNER = """#!/usr/bin/env bash
printf 'runner %s\\n' "$*" | tee -a "$CALLS"
git -C repository show --no-patch --format='commit %s' >>"$CALLS"
exit "${RUNNER_CODE:-0}"
"""
META = "recipes:\n  - id: gpcp\n    object: 'recipe:gpcp'\n"
QUOTED = ["it's", "a b", "$(touch /tmp/x)", "`id`", "-x", 'a"b', "a\\b", "a}b", "${HOME}", "océan"]


def run(**values):
    feedstock = {"id": 3, "spec": values.pop("spec", "a/b"), "provider": values.pop("provider", "github")}
    defaults = {"id": 7, "recipe_id": "gpcp", "head_sha": "main", "is_test": False}
    times = {"started_at": datetime(2022, 3, 3, tzinfo=UTC)}
    return SimpleNamespace(feedstock=SimpleNamespace(**feedstock), **defaults | times | values)


def git(folder, *arguments):
    settings = ["-c", "user.name=a", "-c", "user.email=a@b.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", "-C", folder, *settings, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(repository, subject, **files):
    for name, text in files.items():
        path = repository / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(repository, "add", ".")
    git(repository, "commit", "-m", subject)
    return git(repository, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "origin"
    folder.mkdir()
    git(folder, "init")
    return folder


def execute(tmp_path, repository, values, **environment):
    """Run the script with the fake Python. Return the finished process and the calls."""
    for name, text in (("python", FAKE_PYTHON), ("runner", FAKE_RUNNER)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    calls = tmp_path / "calls"
    (tmp_path / "again.sh").write_text(script(values))
    settings = {"PYTHON": str(tmp_path / "python"), "REPOSITORY": str(repository), "CALLS": str(calls)}
    command = ["bash", tmp_path / "again.sh", tmp_path / "work"]
    done = subprocess.run(command, env=os.environ | settings | environment, capture_output=True, text=True, check=False)
    return done, calls.read_text() if calls.exists() else ""


def test_the_recipe_runs_at_the_commit_of_the_run(tmp_path, repository):
    old = commit(repository, "old", feedstock__meta_yaml=META, feedstock__requirements_txt="xarray\n")
    commit(repository, "new", feedstock__meta_yaml=META + "# new\n")
    done, calls = execute(tmp_path, repository, run(head_sha=old))
    assert done.returncode == 0, done.stderr
    assert "pip install --quiet --uploaded-prior-to 2022-03-03T00:00:00Z -r requirements.txt\n" in calls
    assert (
        "runner bake --repo repository --feedstock-subdir feedstock --Bake.recipe_id=gpcp --Bake.job_name=run-7"
        in calls
    )
    assert calls.endswith("commit old\n")
    assert "--prune" not in calls
    assert (tmp_path / "work/requirements.txt").read_text() == "xarray\n"


def test_a_test_run_is_pruned_and_a_failure_has_its_exit_code(tmp_path, repository):
    head = commit(repository, "one", feedstock__meta_yaml=META)
    done, calls = execute(tmp_path, repository, run(head_sha=head, is_test=True), RUNNER_CODE="3")
    assert (done.returncode, calls.count(" --prune")) == (3, 1)
    assert "the recipe failed with exit code 3" in done.stderr


def test_the_folder_of_a_recipe_in_staged_recipes_is_found(tmp_path, repository):
    other = META.replace("gpcp", "other")
    commit(repository, "one", recipes__a__meta_yaml=other, recipes__b__meta_yaml=META)
    done, calls = execute(tmp_path, repository, run())
    assert done.returncode == 0, done.stderr
    assert "--feedstock-subdir recipes/b " in calls


def test_without_requirements_it_installs_packages_that_work_and_says_so(tmp_path, repository):
    commit(repository, "one", feedstock__meta_yaml=META)
    done, calls = execute(tmp_path, repository, run())
    assert "the versions are not those of the run" in done.stderr
    assert "pangeo-forge-recipes==0.10.8\n" in (tmp_path / "work/requirements.txt").read_text()
    assert "--uploaded-prior-to" not in calls


@pytest.mark.parametrize("files", [{}, {"feedstock__requirements_txt": "xarray\n"}])
def test_it_can_be_repeated(tmp_path, repository, files):
    commit(repository, "one", feedstock__meta_yaml=META, **files)
    done, first = execute(tmp_path, repository, run())
    assert done.returncode == 0, done.stderr
    required = (tmp_path / "work/requirements.txt").read_text()
    done, both = execute(tmp_path, repository, run())
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "work/requirements.txt").read_text() == required
    assert both == first * 2


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"head_sha": "0" * 40}, "the repository has no commit 0000"),
        ({"head_sha": "--upload-pack=touch x"}, "the repository has no commit --upload-pack=touch x."),
        ({"recipe_id": "nope"}, "there is no meta.yaml with the recipe nope."),
    ],
)
def test_what_is_missing_is_said_before_anything_is_installed(tmp_path, repository, values, sentence):
    commit(repository, "one", recipes__a__meta_yaml=META)
    done, calls = execute(tmp_path, repository, run(**values))
    assert (done.returncode, calls) == (2, "")
    assert sentence in done.stderr


@pytest.mark.parametrize("text", QUOTED)
def test_values_are_quoted(text):
    head, _, _ = script(run(recipe_id=text, head_sha=text, spec=text)).partition("PYTHON=")
    shown = 'printf "%s|%s|%s" "$recipe" "$commit" "$repository"'
    done = subprocess.run(["bash", "-c", head + shown], capture_output=True, text=True, check=True)
    assert done.stdout == f"{text}|{text}|https://github.com/{text}"


@pytest.mark.parametrize("is_test", [False, True])
def test_shells_accept_the_script(is_test):
    text = script(run(recipe_id="it's", is_test=is_test))
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    checked = subprocess.run(["shellcheck", "-"], input=text, capture_output=True, text=True, check=False)
    assert checked.stdout == ""


def test_a_repository_of_another_provider_is_404():
    with pytest.raises(NotFound):
        script(run(provider="elsewhere"))
