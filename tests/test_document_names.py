"""The links of the documents resolve, and the settings, targets, commands and metrics that they name exist."""

import json
import re
import urllib.request
from urllib.parse import unquote

import pytest
import yaml

from app.cli import COMMANDS
from tests.support import architecture, documents, live, parameters
from tests.support.apps import ADMIN_KEY

DOCUMENTS = {path: path.read_text() for path in documents.documents()}
SETTINGS = (live.ROOT / "docs/operating/settings.md").read_text()
MONITORING = live.ROOT / "deploy/monitoring"
# GitHub resolves these against the address of the repository.
ON_GITHUB = ("../../actions/", "../../security/", "../../issues", "../../releases")
LINK = r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)|(?:src|href)=\"(?!https?:)([^\"#]*)(?:#([^\"]+))?\""


def commands(path):
    """The texts of the blocks of commands in a document."""
    return [block.text for block in documents.blocks(path) if block.language in ("console", "sh")]


def links(path):
    """Pairs of a path and a heading, relative to the document, of all its links but those to other hosts."""
    for *marked, source, anchor in re.findall(LINK, documents.outside_blocks(path)):
        name, heading = (source, anchor) if source else marked
        if not name.startswith(ON_GITHUB):
            yield unquote(name), heading


def headings(path):
    """The anchors that GitHub creates for the headings of a page. Later ones of the same name get a number."""
    seen = {}
    for line in re.findall(r"^#+ (.*)", documents.outside_blocks(path), re.MULTILINE):
        anchor = re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-")
        number = seen[anchor] = seen.get(anchor, -1) + 1
        yield f"{anchor}-{number}" if number else anchor


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(live.ROOT)))
def test_the_links_of_a_document_resolve(path):
    for name, heading in links(path):
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), name
        assert not heading or heading in headings(target), (name, heading)


def test_the_index_leads_to_every_page():
    index = live.ROOT / "docs/index.md"
    linked = {(index.parent / name).resolve() for name, _ in links(index)}
    pages = {path for path in (live.ROOT / "docs").rglob("*.md") if path.parent.name != "decisions"}
    assert pages - {index} <= linked


def test_the_badges_of_the_readme_are_those_of_the_workflows():
    named = set(re.findall(r"/actions/workflows/([\w.]+)", DOCUMENTS[live.ROOT / "README.md"]))
    assert named == {path.name for path in (live.ROOT / ".github/workflows").glob("*.yml")}


def test_the_readme_has_under_80_lines():
    assert len(DOCUMENTS[live.ROOT / "README.md"].splitlines()) < 80


def test_the_pictures_are_small():
    assert [path.name for path in (live.ROOT / "docs").rglob("*.png") if path.stat().st_size > 150_000] == []


def test_the_table_of_settings_names_the_variables_that_are_read():
    source = (live.ROOT / "config.py").read_text()
    read = {"DATABASE_URL", *re.findall(r'environ(?:\.get\(|, )"([A-Z_0-9]+)"', source)}
    documented = set(re.findall(r"^\| `([A-Z_0-9]+)` \|", SETTINGS, re.MULTILINE))
    assert read <= documented
    assert documented - read <= {"WEB_CONCURRENCY", "PORT"}


def test_the_table_of_parameters_is_current():
    assert (live.ROOT / "docs/using/parameters.md").read_text() == parameters.page(), "run `make parameters`"


def test_the_picture_of_the_architecture_is_current():
    assert architecture.PICTURE.read_text() == architecture.picture(), "run `make pictures`"


def test_the_targets_that_the_documents_name_exist():
    makefile = (live.ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    made = r"(?:`|^)(?:\w+=\S+ )*make ([a-z-]+)"
    texts = [text for path in DOCUMENTS for text in (documents.outside_blocks(path), *commands(path))]
    named = {name for text in texts for name in re.findall(made, text, re.MULTILINE)}
    assert {"run", "test"} <= named <= targets


def test_the_commands_that_the_documents_name_exist():
    groups = {command.name: set(getattr(command, "commands", ())) for command in COMMANDS}
    groups |= {"db": {"upgrade", "downgrade", "current", "revision"}, "run": set()}  # of Flask and its extensions
    for path, text in DOCUMENTS.items():
        for name, subcommand in re.findall(r"\bflask ([a-z][a-z-]+)(?: ([a-z][a-z-]+))?", text):
            assert name in groups, (path.name, name)
            assert not groups[name] or not subcommand or subcommand in groups[name], (path.name, name, subcommand)


def test_the_checks_of_the_doctor_are_those_that_the_runbook_lists(app):
    printed = re.findall(r"^(?:ok|PROBLEM) +(\w+)", app.test_cli_runner().invoke(args=["doctor"]).output, re.MULTILINE)
    table = (live.ROOT / "docs/operating/runbook.md").read_text().partition("## Checks of the doctor")[2]
    assert set(printed) <= set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))


def test_the_alerts_and_the_dashboard_use_metrics_that_exist(service):
    request = urllib.request.Request(f"{service}/metrics", headers={"X-API-Key": ADMIN_KEY})
    with urllib.request.urlopen(request) as answer:
        exposed = set(re.findall(r"^(pangeo_forge_\w+)", answer.read().decode(), re.MULTILINE))
    for name in ("alerts.yml", "grafana.json"):
        used = set(re.findall(r"pangeo_forge_\w+", (MONITORING / name).read_text()))
        assert used <= exposed, name
    described = set(re.findall(r"^\| `(pangeo_forge_\w+)`", DOCUMENTS[live.ROOT / "docs/operating/metrics.md"], re.M))
    assert described == {re.sub(r"_(bucket|count|sum)$", "", name) for name in exposed}


def test_every_alert_is_described_and_leads_to_the_runbook():
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"][0]["rules"]
    page = DOCUMENTS[live.ROOT / "docs/operating/metrics.md"]
    assert [rule["alert"] for rule in rules] == re.findall(r"^\| `(PangeoForge\w+)`", page, re.MULTILINE)
    for rule in rules:
        name, _, heading = rule["annotations"]["runbook"].partition("#")
        assert heading in headings(live.ROOT / name), rule["alert"]


def test_the_dashboard_has_panels_that_do_not_overlap():
    panels = json.loads((MONITORING / "grafana.json").read_text())["panels"]
    cells = [
        (x, y)
        for grid in (panel["gridPos"] for panel in panels)
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
