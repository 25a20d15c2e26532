"""A shell script that runs the recipe of a run again, on any machine that has git and Python."""

from pathlib import Path
from shlex import quote

from werkzeug.exceptions import NotFound

from app.models import RecipeRun

REPOSITORIES = {"github": "https://github.com/{spec}"}  # by provider
BODY = Path(__file__).with_suffix(".sh").read_text("utf-8")
HEAD = """\
#!/usr/bin/env bash
# Runs the recipe of recipe run {id} again, on this machine, at the commit of the run.
#
# It needs bash, git, Python and the network, and several hundred MB. It runs code of the repository with your rights:
# if you do not trust it, use a container. Call it with the folder to work in. Variables: PYTHON is the Python to use,
# REPOSITORY a copy of the repository, BEFORE the time before which packages must have been released: the run started at
# {time}. BEFORE= installs the newest ones.
# These still differ from the run: the machine, its credentials, and source files that have changed.
set -euo pipefail

recipe={recipe}
commit={commit}
job={job}
folder=${{1:-$job}}
repository={repository}
REPOSITORY=${{REPOSITORY:-$repository}}
PYTHON=${{PYTHON:-python3}}
before=${{BEFORE-{time}}}
prune={prune}

"""


def script(run: RecipeRun) -> str:
    """Return the script for a run. Raises 404 if it is unknown where the repository of its feedstock is."""
    feedstock = run.feedstock
    template = REPOSITORIES.get(feedstock.provider)
    if template is None:
        raise NotFound(f"repository of feedstock {feedstock.id} at {feedstock.provider} not found")
    head = HEAD.format(
        id=run.id,
        recipe=quote(run.recipe_id),
        commit=quote(run.head_sha),
        job=f"run-{run.id}",
        repository=quote(template.format(spec=feedstock.spec)),
        time=f"{run.started_at:%Y-%m-%dT%H:%M:%SZ}",
        prune="--prune" if run.is_test else "",
    )
    return head + BODY
