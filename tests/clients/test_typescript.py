"""A client of openapi-fetch, with the types that openapi-typescript generates."""

import json

import pytest

from tests.support.apps import ADMIN_KEY
from tests.support.clients import NO_TYPESCRIPT, PACKAGES, lists, require, run, write_document
from tests.support.databases import on_sqlite

BEGIN = """\
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

declare const process: { argv: string[] };
const [, , baseUrl, key] = process.argv;
const client = createClient<paths>({ baseUrl, headers: { "X-API-Key": key } });
"""
# Compiles only if the record of the list has all its fields, and `id` is a number.
LOOP = """
{{
  const {{ data, error }} = await client.GET("{path}", {{ params: {params} }});
  if (error) throw new Error(error.detail);
  let ids = 0;
  for (const record of data) {{
    const fields: unknown[] = [{fields}];
    ids += fields.length && record.id;
  }}
  console.log("{path}", data.length, ids > 0);
}}
"""
COMPILE = ("--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom")


def loops(app):
    for path, _, fields in lists(app):
        number = 7 if path.startswith("/datasets") else 1  # the id of a dataset in the example catalogue
        params = {"path": {"id": number}} if "{id}" in path else {}
        yield LOOP.format(path=path, params=json.dumps(params), fields=", ".join(f"record.{name}" for name in fields))


@pytest.fixture(scope="module")
def compiled(sqlite_app, tmp_path_factory):
    """The folder with the program `lists.js`, which loops over every list."""
    folder = tmp_path_factory.mktemp("typescript")
    generator = require(PACKAGES / ".bin" / "openapi-typescript", NO_TYPESCRIPT)
    (folder / "node_modules").symlink_to(PACKAGES)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "lists.ts").write_text(BEGIN + "".join(loops(sqlite_app)))
    run(generator, write_document(sqlite_app, folder), "--output", "api.ts", cwd=folder)
    run(str(PACKAGES / ".bin" / "tsc"), *COMPILE, "lists.ts", cwd=folder)
    return folder


@on_sqlite
def test_a_program_that_loops_over_every_list_compiles_and_runs(compiled, app, service):
    printed = run("node", "lists.js", service, ADMIN_KEY, cwd=compiled)
    assert [line.split()[0] for line in printed.splitlines()] == [path for path, *_ in lists(app)]
    assert "/recipe_runs/ 15 true\n" in printed
