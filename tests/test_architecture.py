"""Rules of the architecture, checked in the source of every module. A table has the import direction."""

import ast
import inspect
import re
from itertools import chain
from pathlib import Path

import pytest

from app.web.auditing import Written
from app.web.auth import Caller
from tests.support.live import ROOT

# Each part of the application, and the other parts that it may import.
MAY_IMPORT = {
    "app": {"cli", "dashboard", "extensions", "ops", "repr", "routes", "web"},
    "cli": {"database", "extensions", "keys", "models", "ops", "repr", "schemas", "services", "web"},
    "routes": {"database", "errors", "extensions", "keys", "models", "ops", "repr", "schemas", "services", "web"},
    "dashboard": {"database", "extensions", "models", "schemas", "services", "web"},
    "web": {"database", "errors", "extensions", "keys", "models", "schemas", "services"},
    "ops": {"database", "extensions", "keys", "models"},
    "serving": {"ops", "web"},
    "schemas": {"database", "models"},
    "services": {"database", "errors", "extensions", "keys", "models"},
    "models": {"database", "errors", "extensions"},
    "database": {"errors", "extensions", "keys"},
    "repr": set(),
    "extensions": set(),
    "errors": set(),
    "keys": set(),
}
# What `web` knows of nouns: the keys and signatures of callers, the audit log, and stored answers.
NOUNS_OF_WEB = {
    *("models.APIKey", "models.IdempotencyKey", "models.api_keys", "models.bakery_secrets", "models.idempotency_keys"),
    *("services.audit", "services.bakery_secrets"),
    *("schemas.base", "schemas.common", "schemas.serialiser"),
}
READ_THE_ENVIRONMENT = {"config.py", "credentials.py"}
MODULES = sorted((ROOT / "app").rglob("*.py"))


def part_of(path):
    """The part of a module: `app/routes/stats.py` belongs to `routes`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return "app" if parts == ("app", "__init__") else parts[1]


def imported_parts(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "app":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("app."):
            yield node.module.split(".")[1]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_its_part_may(path):
    part = part_of(path)
    assert set(imported_parts(path)) - {part} <= MAY_IMPORT[part]


def test_web_knows_no_other_noun():
    found = set()
    for node in chain.from_iterable(ast.walk(ast.parse(path.read_text())) for path in (ROOT / "app/web").glob("*.py")):
        if isinstance(node, ast.ImportFrom) and node.module in ("app.models", "app.services", "app.schemas"):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and re.match(r"app\.(models|services|schemas)\.", node.module or ""):
            found.add(node.module)
    assert {name.removeprefix("app.") for name in found} == NOUNS_OF_WEB


def test_the_table_names_every_part():
    assert {part_of(path) for path in MODULES} == set(MAY_IMPORT)
    assert set().union(*MAY_IMPORT.values()) <= set(MAY_IMPORT)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_are_at_the_top(path):
    tree = ast.parse(path.read_text())
    nested = [
        node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom)) and node not in tree.body
    ]
    assert nested == []
    assert "TYPE_CHECKING" not in path.read_text()


def test_only_the_settings_read_the_environment():
    readers = {path.name for path in [*MODULES, *ROOT.glob("*.py")] if "os.environ" in path.read_text()}
    assert readers == READ_THE_ENVIRONMENT


def test_only_these_modules_commit():
    committers = {part_of(path) for path in MODULES if ".commit()" in path.read_text()}
    assert committers == {"cli", "routes", "web"}


def test_every_route_says_who_may_call_it(app):
    silent = [
        rule.rule for rule in app.url_map.iter_rules() if not hasattr(app.view_functions[rule.endpoint], "caller")
    ]
    assert silent == []


def test_every_route_that_writes_requires_a_key_or_a_signature(app):
    known = (Caller.RUNNER, Caller.WRITER, Caller.ADMIN, Caller.REPORTER, Caller.GITHUB)
    for rule in app.url_map.iter_rules():
        if rule.methods - {"GET", "HEAD", "OPTIONS"}:
            assert app.view_functions[rule.endpoint].caller in known


def test_every_view_that_writes_returns_what_the_audit_log_needs(app):
    for rule in app.url_map.iter_rules():
        if rule.methods - {"GET", "HEAD", "OPTIONS"}:
            view = inspect.unwrap(app.view_functions[rule.endpoint])
            assert inspect.signature(view).return_annotation is Written


def test_the_same_noun_names_the_module_in_every_layer():
    nouns = {path.stem for path in Path(ROOT / "app/models").glob("*.py")} - {"__init__"}
    # These have no path.
    nouns -= {
        "recipe_run_events",
        "dataset_search",
        "failures",
        "idempotency_keys",
        "opening",
        "run_counts",
        "run_periods",
        "run_sums",
        "run_times",
    }
    for layer in ("schemas", "routes"):
        assert nouns <= {path.stem for path in (ROOT / "app" / layer).glob("*.py")}


def compares_a_secret(node):
    """Whether `node` compares a name of a secret with `==` or `!=`, outside of SQL."""
    if not (isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.NotEq))):
        return False
    text = ast.unparse(node)
    return "bindparam" not in text and re.search(r"\b\w*(digest|secret|salt|token|signature)", text)


def test_no_secret_is_compared_by_an_operator_that_stops_at_the_first_difference():
    nodes = [(path, node) for path in MODULES for node in ast.walk(ast.parse(path.read_text()))]
    assert [f"{path}:{node.lineno}" for path, node in nodes if compares_a_secret(node)] == []
    assert compares_a_secret(ast.parse("digest == given", mode="eval").body)
    assert "hmac.compare_digest(digest, " in (ROOT / "app/web/auth.py").read_text()
