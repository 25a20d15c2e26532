import json
import os
import re
import shutil
import signal
import sys
from contextlib import contextmanager
from http.client import HTTPConnection

import psycopg2
import pytest
from alembic.script import ScriptDirectory
from honcho.environ import parse_procfile
from jsonschema import Draft202012Validator

import config
from tests.support import forked_flask, postgres
from tests.support.apps import ADMIN_KEY, environment
from tests.support.dyno import ask, dyno, run, serving
from tests.support.live import NO_ENV_FILE, PATIENCE, ROOT, wait_until

PROCESSES = parse_procfile((ROOT / "Procfile").read_text()).processes
APP = json.loads((ROOT / "app.json").read_text())
TEST, REVIEW = APP["environments"]["test"], APP["environments"]["review"]
SCHEMA = json.loads((ROOT / "tests" / "support" / "heroku_app_json.schema.json").read_text())
GUIDE = "".join(path.read_text() for path in sorted((ROOT / "docs/operating").glob("*.md")))

# A manifest with every key that Heroku documents, in every form.
EVERYTHING = {
    "name": "Everything",
    "description": "Every key that Heroku documents.",
    "keywords": ["all"],
    "website": "https://example.org/",
    "repository": "git@github.com:example/everything.git",
    "logo": "https://example.org/logo.svg",
    "success_url": "/welcome",
    "stack": "heroku-24",
    "image": "heroku/python",
    "buildpacks": [{"url": "https://github.com/heroku/heroku-buildpack-apt"}, {"url": "heroku/python"}],
    "addons": ["heroku-redis", {"plan": "heroku-postgresql:essential-0", "as": "DB", "options": {"version": "17"}}],
    "env": {
        "A": "text",
        "B": {"description": "A secret.", "generator": "secret"},
        "C": {"value": "", "required": False},
    },
    "formation": {"web": {"quantity": 1, "size": "standard-1x"}, "clock": {"quantity": 0}},
    "scripts": {"postdeploy": {"command": "true", "size": "performance-l-ram"}, "pr-predestroy": "true"},
    "environments": {
        "test": {"scripts": {"test-setup": "true", "test": "true"}, "addons": ["heroku-postgresql:in-dyno"], "env": {}},
        "review": {"scripts": {"postdeploy": "true"}, "formation": {"web": {"quantity": 1}}},
    },
}

PINNED = r"[a-z0-9._-]+(\[[a-z0-9,-]+\])?==[A-Za-z0-9.+!]+(?: --hash=sha256:[0-9a-f]{64})+"


def heroku_url(url):
    """The URL in the form of Heroku's DATABASE_URL."""
    return url.set(drivername="postgres").render_as_string(hide_password=False)


def deployed(url, **more):
    """The environment of a dyno of a deployed app."""
    return dyno(environment(heroku_url(url)), PANGEO_FORGE_DEPLOYMENT="test", **more)


@pytest.fixture(scope="module")
def slug(tmp_path_factory):
    """A folder with the deployed files, without the .env of a working tree."""
    folder = tmp_path_factory.mktemp("slug") / "app"
    return shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "instance"))


@pytest.fixture(scope="module")
def run_flask(slug):
    """A function like `run` in the slug, for which a program `flask` comes first that starts at once."""
    with forked_flask.programs(slug) as programs:
        yield lambda command, env: run(command, env | {"PATH": f"{programs}:{env['PATH']}"}, slug)


@pytest.fixture(scope="module")
def database_url(postgres_server, slug, run_flask):
    """The database of a review app, after its release phase, with the installed `flask`, and its postdeploy script."""
    with postgres.database(postgres_server) as url:
        released = run(PROCESSES["release"], deployed(url), slug)
        assert released.returncode == 0, released.stderr
        filled = run_flask(REVIEW["scripts"]["postdeploy"], deployed(url))
        assert filled.returncode == 0, filled.stderr
        yield url


@pytest.fixture(scope="module")
def web(database_url, slug):
    """The web process of the review app."""
    with serving(PROCESSES["web"], deployed(database_url), slug, slug / "web.log") as server:
        yield server


def ci(url):
    """The environment of a test run of one fast test that needs a database."""
    options = "-p no:cacheprovider --ignore-glob=*/test_[!h]* -k test_a_url_of_heroku_connects_to_its_database"
    return dyno(TEST["env"], DATABASE_URL=heroku_url(url), PYTEST_ADDOPTS=options)


@contextmanager
def locked(url, table):
    """Lock the table for all other connections until the `with` ends."""
    connection = psycopg2.connect(url.render_as_string(hide_password=False))
    try:
        connection.cursor().execute(f"LOCK TABLE {table}")
        yield
    finally:
        connection.close()


def requirements(name):
    """The requirements of a file, one a line and without comments."""
    lines = (ROOT / name).read_text().replace("\\\n", " ").splitlines()
    return {" ".join(line.split()) for line in lines if line.strip() and not line.lstrip().startswith("#")}


def test_the_web_process_is_ready_once_the_release_phase_has_run(web):
    assert ask(web, "/readyz", x_forwarded_proto="https")[0] == 200


def test_a_release_phase_can_run_while_the_previous_release_serves(web, database_url, run_flask):
    assert run_flask(PROCESSES["release"], deployed(database_url)).returncode == 0
    assert ask(web, "/readyz", x_forwarded_proto="https")[0] == 200


def test_web_concurrency_sets_the_number_of_workers(web):
    wait_until(lambda: web.log.read_text().count("Booting worker") >= 2)
    assert web.log.read_text().count("Booting worker") == 2


def test_the_administrator_writes_and_anyone_reads(web):
    body = json.dumps({"region": "us-east-1", "name": "on-heroku", "description": ""})
    headers = {"x_forwarded_proto": "https", "content_type": "application/json"}
    status, _, created = ask(web, "/bakeries/", "POST", body=body, x_api_key=ADMIN_KEY, **headers)
    assert status == 201
    assert ask(web, f"/bakeries/{json.loads(created)['id']}", x_forwarded_proto="https")[0] == 200


def test_https_is_answered_with_strict_transport_security(web):
    status, headers, body = ask(web, "/", x_forwarded_proto="https")
    assert (status, body) == (200, '{"status":"ok"}')
    assert re.fullmatch(r"max-age=[1-9]\d{6,}", headers["Strict-Transport-Security"])


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("headers", [{"x_forwarded_proto": "http"}, {"x_forwarded_proto": "https, http"}, {}])
def test_plain_http_is_redirected_to_https_with_its_path_and_query(web, method, headers):
    target = "/recipe_runs/?offset=1&order_by=started_at&x=a%2Bb%26c%20d"
    status, answered, _ = ask(web, target, method, host="api.example.org", **headers)
    assert (status, answered["Location"]) == (307, f"https://api.example.org{target}")


def test_the_logged_address_is_the_one_that_the_router_saw(web):
    ask(web, "/from-afar", x_forwarded_proto="https", x_forwarded_for="198.51.100.66, 203.0.113.9")
    wait_until(lambda: "/from-afar" in web.log.read_text())
    (line,) = [json.loads(line) for line in web.log.read_text().splitlines() if "/from-afar" in line]
    assert (line["address"], line["status"]) == ("203.0.113.9", 404)


def test_every_line_of_the_log_is_json(web):
    ask(web, "/healthz", x_forwarded_proto="https")
    lines = [json.loads(line) for line in web.log.read_text().splitlines()]
    assert {"app.requests", "gunicorn.error"} <= {line["logger"] for line in lines}


def test_a_stopping_server_finishes_its_requests(database_url, slug, tmp_path):
    env = deployed(database_url, WEB_CONCURRENCY="1")
    with serving(PROCESSES["web"], env, slug, tmp_path / "log") as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        with locked(database_url, "bakery"):
            connection.request("GET", "/bakeries/", headers={"X-Forwarded-Proto": "https"})
            wait_until(lambda: postgres.execute(database_url, "SELECT 1 FROM pg_locks WHERE NOT granted"))
            os.killpg(server.process.pid, signal.SIGTERM)
            wait_until(lambda: "Handling signal: term" in server.log.read_text())
        assert connection.getresponse().status == 200
        connection.close()
        assert server.process.wait(timeout=PATIENCE) == 0


@pytest.mark.parametrize(
    ("process", "name", "value"),
    [("release", "DATABASE_URL", "not a URL"), ("web", "DATABASE_URL", None), ("web", "ENCRYPTION_SALT", None)],
)
def test_a_missing_or_wrong_variable_ends_a_process_with_one_sentence(run_flask, process, name, value):
    env = dyno(environment("postgres://nobody@127.0.0.1/none"))
    del env[name]
    result = run_flask(PROCESSES[process], env | ({name: value} if value else {}))
    assert result.returncode != 0
    assert re.fullmatch(rf"pangeo-forge: {name} is not .+\.\n", result.stderr)


def test_a_review_app_has_examples_and_keeps_them_unchanged(database_url, run_flask):
    counts = "SELECT (SELECT count(*) FROM bakery), (SELECT count(*) FROM feedstock), (SELECT count(*) FROM reciperun)"
    seeded = postgres.execute(database_url, counts)
    assert min(seeded[0]) > 0
    assert run_flask(REVIEW["scripts"]["postdeploy"], deployed(database_url)).returncode == 0
    assert postgres.execute(database_url, counts) == seeded


def test_a_url_of_heroku_connects_to_its_database(postgres_url):
    url = config.database_url({"DATABASE_URL": heroku_url(postgres_url)}).set(drivername="postgresql")
    assert postgres.execute(url, "SELECT current_database()") == [(postgres_url.database,)]


def test_the_test_script_of_heroku_ci_runs_the_tests(postgres_server):
    result = run(TEST["scripts"]["test"], ci(postgres_server))
    assert result.returncode == 0, result.stdout
    assert re.search(r"\b1 passed, \d+ deselected", result.stdout)


def test_the_test_script_of_heroku_ci_uses_the_database_of_the_dyno(postgres_server):
    port = postgres.free_port()
    result = run(TEST["scripts"]["test"], ci(postgres_server.set(port=port)))
    assert result.returncode == 1
    assert f"port {port} failed" in result.stdout


def test_the_setup_script_of_heroku_ci_installs_the_requirements_of_the_tests():
    dry = {"PIP_DRY_RUN": "1", "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    result = run(TEST["scripts"]["test-setup"], dyno(TEST["env"], **dry))
    assert result.returncode == 0, result.stderr
    assert "Would install" not in result.stdout


def test_heroku_ci_has_the_settings_of_the_tests():
    settings = {"DATABASE_URL": "postgres://any@host/any", **TEST["env"]}
    assert environment("postgres://any@host/any") == settings | NO_ENV_FILE


@pytest.mark.parametrize("variables", [APP["env"], REVIEW["env"]], ids=["production", "review"])
def test_the_manifest_has_every_setting_and_trusts_the_router(variables):
    given = environment("postgres://any@host/any")
    asked = {name: given[name] for name, variable in variables.items() if variable.get("required", True)}
    preset = {name: variable["value"] for name, variable in variables.items() if "value" in variable}
    settings = config.load({"DATABASE_URL": given["DATABASE_URL"]} | asked | preset)
    assert settings["DEPLOYMENT"]
    assert settings["PROXY_COUNT"] == 1


@pytest.mark.parametrize("manifest", [APP, EVERYTHING, {}], ids=["ours", "all of it", "nothing"])
def test_a_valid_manifest_passes_the_schema(manifest):
    Draft202012Validator.check_schema(SCHEMA)
    assert list(Draft202012Validator(SCHEMA).iter_errors(manifest)) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"nmae": "typo"},
        {"name": "longer than the thirty characters that Heroku allows"},
        {"keywords": "flask"},
        {"website": "pangeo-forge.org"},
        {"success_url": "docs"},
        {"stack": "ubuntu"},
        {"buildpacks": ["heroku/python"]},
        {"addons": "heroku-postgresql"},
        {"addons": [{"as": "DATABASE"}]},
        {"addons": [{"plan": "heroku-postgresql", "options": {"version": 17}}]},
        {"env": {"WEB_CONCURRENCY": 2}},
        {"env": {"WEB-CONCURRENCY": "2"}},
        {"env": {"SALT": {"generator": "random"}}},
        {"env": {"SALT": {"value": "x", "generator": "secret"}}},
        {"env": {"SALT": {"required": "yes"}}},
        {"formation": {"web": {"quantity": "1"}}},
        {"formation": {"web": {"quantity": 1, "size": "hobby"}}},
        {"scripts": {"test": "pytest"}},
        {"scripts": {"postdeploy": {"size": "basic"}}},
        {"environments": {"staging": {}}},
        {"environments": {"test": {"scripts": {"postdeploy": "flask seed"}}}},
        {"environments": {"review": {"scripts": {"test": "pytest"}}}},
        {"environments": {"review": {"environments": {}}}},
        {"environments": {"review": {"addons": [{}]}}},
    ],
    ids=json.dumps,
)
def test_an_invalid_manifest_fails_the_schema(wrong):
    assert not Draft202012Validator(SCHEMA).is_valid(APP | wrong)


def test_the_runtime_is_a_python_in_its_newest_patch_and_the_oldest_that_the_tests_run_on():
    runtime = re.fullmatch(r"python-3\.(\d+)\n", (ROOT / "runtime.txt").read_text())
    assert int(runtime[1]) <= sys.version_info.minor


@pytest.mark.parametrize("name", ["requirements.txt", "requirements/dev.txt"])
def test_every_requirement_has_one_version_and_its_hashes(name):
    assert [line for line in requirements(name) if not re.fullmatch(PINNED, line)] == []
    assert len(requirements(name)) > 10


def test_the_tests_run_on_the_versions_that_are_deployed():
    assert requirements("requirements.txt") <= requirements("requirements/dev.txt")


def test_the_guide_explains_every_variable_of_the_manifest():
    assert set(APP["env"]) <= set(re.findall(r"^\| `([A-Z_0-9]+)` \|", GUIDE, re.MULTILINE))


def test_the_statements_of_the_guide_fit_the_database(database_url):
    statements = re.findall(r'heroku pg:psql .* -c "(.+)"', GUIDE)
    assert {statement.split()[0] for statement in statements} == {"SELECT", "DELETE"}
    for statement in statements:
        postgres.execute(database_url, statement)


def test_the_revisions_of_the_guide_exist():
    known = {script.revision for script in ScriptDirectory(str(ROOT / "migrations")).walk_revisions()}
    named = set(re.findall(r"\b[0-9a-f]{12}\b", GUIDE))
    assert named
    assert named <= known
