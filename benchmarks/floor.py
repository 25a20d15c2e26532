"""The floor: the least that a Python program behind gunicorn needs for the same answers.

It uses WSGI, psycopg2 and orjson by hand, with one statement for each table or join it reads. It validates nothing,
logs nothing and sends only the headers that a client needs. Its bodies are those of the service, byte for byte.
"""

import threading

import orjson
import psycopg2

from app.keys import key_digest
from config import load

SETTINGS = load()
TIMES = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
RUN = (
    *("recipe_id", "bakery_id", "feedstock_id", "head_sha", "version", "started_at", "completed_at", "conclusion"),
    *("status", "is_test", "dataset_type", "dataset_public_url", "message", "id"),
    *("created_at", "updated_at", "rerun_of", "snapshot_id", "external_id", "external_url", "failure", "time_problem"),
)
TIME_PROBLEM = """
CASE WHEN completed_at < started_at THEN 'ends_before_start'
WHEN greatest(started_at, completed_at) > timezone('utc', now()) THEN 'in_future'
WHEN started_at < '2000-01-01' THEN 'too_early' END"""
BAKERY = ("region", "name", "description", "id", "retired_at", "log_url")
FEEDSTOCK = ("spec", "provider", "id", "retired_at")
NEW_RUN = ("recipe_id", "bakery_id", "feedstock_id", "head_sha", "version", "started_at")


def columns(table, names):
    return ", ".join(TIME_PROBLEM if name == "time_problem" else f"{table}.{name}" for name in names)


LIST = f"SELECT {columns('reciperun', RUN)} FROM reciperun ORDER BY id LIMIT %s"
RUNS_OF_FEEDSTOCK = f"SELECT {columns('reciperun', RUN)} FROM reciperun WHERE feedstock_id = %s ORDER BY id"
ONE_FEEDSTOCK = f"SELECT {columns('feedstock', FEEDSTOCK)} FROM feedstock WHERE id = %s"
ONE_RUN = (
    f"SELECT {columns('reciperun', RUN)}, {columns('bakery', BAKERY)}, {columns('feedstock', FEEDSTOCK)} "
    "FROM reciperun JOIN bakery ON bakery.id = bakery_id JOIN feedstock ON feedstock.id = feedstock_id "
    "WHERE reciperun.id = %s"
)
COUNT = "SELECT count(*) FROM reciperun"
KEY = "SELECT is_active FROM apikey WHERE encrypted_key = %s"
INSERT = (
    f"INSERT INTO reciperun ({', '.join(NEW_RUN)}) VALUES ({', '.join(f'%({name})s' for name in NEW_RUN)}) "
    f"RETURNING {columns('reciperun', RUN)}"
)
_thread = threading.local()


def query(statement, parameters=None):
    if not hasattr(_thread, "connection"):
        url = SETTINGS["SQLALCHEMY_DATABASE_URI"].set(drivername="postgresql").render_as_string(hide_password=False)
        _thread.connection = psycopg2.connect(url, **SETTINGS["SQLALCHEMY_ENGINE_OPTIONS"]["connect_args"])
        _thread.connection.autocommit = True
    with _thread.connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def runs(rows):
    return [dict(zip(RUN, row, strict=True)) for row in rows]


def list_runs(environ, _id):
    return runs(query(LIST, (int(environ["QUERY_STRING"].removeprefix("limit=") or 100),)))


def get_run(_environ, run_id):
    [row] = query(ONE_RUN, (run_id,))
    run = dict(zip(RUN, row, strict=False))
    run["bakery"] = dict(zip(BAKERY, row[len(RUN) :], strict=False))
    run["feedstock"] = dict(zip(FEEDSTOCK, row[len(RUN) + len(BAKERY) :], strict=True))
    return run


def get_feedstock(_environ, feedstock_id):
    [row] = query(ONE_FEEDSTOCK, (feedstock_id,))
    return dict(zip(FEEDSTOCK, row, strict=True)) | {"recipe_runs": runs(query(RUNS_OF_FEEDSTOCK, (feedstock_id,)))}


def count_runs(_environ, _id):
    return {"count": query(COUNT)[0][0]}


def create_run(environ, _id):
    [(active,)] = query(KEY, (key_digest(SETTINGS["ENCRYPTION_SALT"], environ["HTTP_X_API_KEY"]),))
    if not active:
        raise PermissionError("the key is not active")
    body = orjson.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    return runs(query(INSERT, body))[0]


VIEWS = {
    ("GET", "recipe_runs", False): list_runs,
    ("GET", "recipe_runs", True): get_run,
    ("GET", "feedstocks", True): get_feedstock,
    ("GET", "stats", True): count_runs,
    ("POST", "recipe_runs", False): create_run,
}


def application(environ, start_response):
    _, noun, rest = environ["PATH_INFO"].split("/")
    method = environ["REQUEST_METHOD"]
    body = orjson.dumps(VIEWS[method, noun, rest != ""](environ, rest), option=TIMES)
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response("200 OK" if method == "GET" else "201 Created", headers)
    return [body]
