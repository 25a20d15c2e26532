"""Reports of runners about their runs."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from werkzeug.exceptions import Conflict, NotFound

from app.database.columns import now
from app.errors import Invalid
from app.extensions import db
from app.models import Bakery, Feedstock, RecipeRun, RecipeRunEvent
from app.models.dataset_descriptions import RUNNER
from app.models.recipe_runs import STATUSES
from app.models.run_logs import Entry
from app.services import dataset_descriptions, dataset_links, datasets, records, retirement, run_logs

# What a report needs in order to create a run, besides the feedstock.
REQUIRED = ("recipe_id", "head_sha")
# Of a new run only; a report about a run that exists may repeat these fields.
OF_NEW = ("feedstock", "feedstock_id", "recipe_id", "head_sha", "version", "is_test")
# Which run it is. If they differ, the report is about another one.
IDENTITY = ("feedstock_id", "recipe_id", "is_test")
LIFECYCLE = ("status", "conclusion", "started_at", "completed_at")
ORDER = {status: number for number, status in enumerate(STATUSES)}


@dataclass(frozen=True)
class Reported:
    """The run after a report. `ignored` names the fields that came too late to be stored."""

    run: RecipeRun
    created: bool
    changed: bool
    ignored: list[str]


def report(
    bakery_id: int, values: dict[str, Any], actor: str, *known_secrets: str, may_differ: bool = False
) -> Reported:
    """Store what a runner reports about a run of the bakery. `known_secrets` are masked in its log.

    Raises 404 if the run is unknown and `values` do not suffice to create it, 409 if its bakery or feedstock is retired
    or if the ids or, unless they `may_differ`, the fields of IDENTITY contradict those of the run, 422 if the values
    contradict each other.
    """
    values = dict(values)
    run_id, log, description = (values.pop(name, None) for name in ("run_id", "log", "description"))
    run = _find(bakery_id, run_id, values.get("external_id"))
    created = run is None
    if run is None:
        run, created = _create(bakery_id, values, actor)
    changed, ignored = (True, []) if created else _update(run, values, actor, may_differ)
    if log:
        run_logs.append(run, _entries(log), *known_secrets)
    if description and not _describe(run, description):
        ignored.append("description")
    return Reported(run, created, changed or bool(log or description), ignored)


def _entries(log: str | list[dict[str, Any]]) -> list[Entry]:
    if isinstance(log, str):
        return run_logs.entries(log)
    return [Entry(line["message"], line["level"], line.get("timestamp")) for line in log]


def complete(run_id: int, conclusion: str, actor: str) -> bool:
    """Complete a run of any bakery, and return whether that changed it. Raises 404."""
    run = records.get(RecipeRun, run_id, to_write=True)
    return records.update(run, {"status": "completed", "conclusion": conclusion}, actor)


def _find(bakery_id: int, run_id: int | None, external_id: str | None) -> RecipeRun | None:
    """The run with these ids, locked until the transaction ends; None if its `external_id` is unknown."""
    records.get(Bakery, bakery_id)
    if run_id is None:
        of_bakery = select(RecipeRun).filter_by(bakery_id=bakery_id, external_id=external_id)
        return db.session.scalar(of_bakery.with_for_update().execution_options(populate_existing=True))
    run = records.get(RecipeRun, run_id, to_write=True)
    if run.bakery_id != bakery_id:
        raise NotFound(f"recipe run {run_id} not found in bakery {bakery_id}")
    if external_id and run.external_id not in (None, external_id):
        raise Conflict(f"recipe run {run_id} already has external_id {run.external_id!r}.")
    return run


def _create(bakery_id: int, values: dict[str, Any], actor: str) -> tuple[RecipeRun, bool]:
    """The new run, and True; or the run that another report has created at the same moment, and False."""
    missing = [name for name in REQUIRED if name not in values]
    if not values.keys() & {"feedstock", "feedstock_id"}:
        missing.insert(0, "feedstock")
    if missing:
        raise NotFound(
            f"recipe run with external_id {values['external_id']!r} not found in bakery {bakery_id}. To create it, "
            f"also send {', '.join(missing)}."
        )
    new = {"version": "", "is_test": False, "bakery_id": bakery_id} | values
    new["feedstock_id"] = _feedstock_id(new)
    new.setdefault("started_at", values.get("completed_at") or now())
    retirement.require_in_use([new])
    try:
        row, _ = records.create(RecipeRun, new, actor)
    except Conflict:
        if run := _find(bakery_id, None, values["external_id"]):
            return run, False
        raise
    return records.get(RecipeRun, row.id), True


def _feedstock_id(values: dict[str, Any]) -> int:
    """Remove the name of the feedstock from `values` and return its id. Raises 422 if it is unknown."""
    spec = values.pop("feedstock", None)
    if spec is None:
        return int(values["feedstock_id"])
    key = Feedstock.has_key({"provider": "github", "spec": spec})
    found = db.session.scalar(select(Feedstock.id).where(*key))
    if found is None:
        raise Invalid.at("body", "feedstock", f"feedstock {spec} not found")
    return found


def _update(run: RecipeRun, values: dict[str, Any], actor: str, may_differ: bool) -> tuple[bool, list[str]]:
    """Update the run, and return whether it changed, and the fields that were ignored: they came too late, or only
    new runs get them. Raises 409 if the report is about another run.
    """
    different = [] if may_differ else _differing(run, values)
    reported = {name: value for name, value in values.items() if name not in OF_NEW}
    accepted = _accepted(run, reported)
    if run.status == "queued" and accepted.get("status") == "in_progress":
        accepted.setdefault("started_at", now())
    late = [name for name, value in reported.items() if name not in accepted and getattr(run, name) != value]
    return records.update(run, accepted, actor), [*different, *late]


def _differing(run: RecipeRun, values: dict[str, Any]) -> list[str]:
    """The fields of a new run that the report has with other values. Raises 409 if one is of IDENTITY, 422 if the
    feedstock is unknown. A runner does not learn of corrections and merges, so it may repeat what the run had before.
    """
    if "feedstock" in values:
        values["feedstock_id"] = _feedstock_id(values)
    different = [name for name in OF_NEW if name in values and getattr(run, name) != values[name]]
    before = _former_values(run) if set(different) & {*IDENTITY} else []
    differences = [
        f"its {name} is {json.dumps(getattr(run, name), ensure_ascii=False)}, "
        f"not {json.dumps(values[name], ensure_ascii=False)}"
        for name in different
        if name in IDENTITY and all(values[name] != former.get(name) for former in before)
    ]
    if differences:
        raise Conflict(
            f"The report does not fit recipe run {run.id}: {'; '.join(differences)}. Report another run with another "
            f"external_id, or correct this one with PATCH /recipe_runs/{run.id}."
        )
    return different


def _former_values(run: RecipeRun) -> list[dict[str, Any]]:
    """The values that changes of the run have replaced, an object for each change."""
    found = db.session.scalars(select(RecipeRunEvent.before).where(RecipeRunEvent.recipe_run_id == run.id))
    return [before for before in found if before]


def _accepted(run: RecipeRun, reported: dict[str, Any]) -> dict[str, Any]:
    """The fields that count. If a report about a later status came before, only those that are still unset."""
    status = reported.get("status") or ("completed" if reported.get("conclusion") else run.status)
    if ORDER.get(status, 0) >= ORDER.get(run.status, 0):
        return reported
    return {name: value for name, value in reported.items() if name not in LIFECYCLE and getattr(run, name) is None}


def _describe(run: RecipeRun, description: dict[str, Any]) -> bool:
    """Describe the dataset that the run has published, and return whether its build is the newest.

    Raises 422 if the run has published none.
    """
    db.session.flush()
    try:
        dataset = dataset_links.lock(datasets.resolve(run.id))
    except NotFound:
        sentence = "description: The run has published no dataset: it needs the conclusion success and a url."
        raise Invalid.at("body", "description", sentence) from None
    if dataset.run_id != run.id:
        return False
    dataset_descriptions.describe(dataset.id, run.id, dataset.url, description, RUNNER)
    return True
