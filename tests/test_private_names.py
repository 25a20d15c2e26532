"""Our code uses the private names of libraries that decision 20 lists, and no others."""

import re
from pathlib import Path

import pytest

from tests.support.live import ROOT
from tests.support.private_names import private_names

OTHER_CODE = ("config.py", "gunicorn.conf.py", "wsgi.py", "migrations/env.py")
ROWS = [
    re.findall(r"`([^`]+)`", line)
    for line in Path(ROOT, "docs/decisions/0020-private-names.md").read_text().splitlines()
    if line.startswith("| `")
]
TESTED = [row for row in ROWS if "::" in row[-1]]


def test_the_decision_lists_the_private_names_that_the_code_uses():
    paths = [*Path(ROOT, "app").rglob("*.py"), *(Path(ROOT, name) for name in OTHER_CODE)]
    found = {(str(path.relative_to(ROOT)), name) for path in paths for name in private_names(path.read_text())}
    assert found == {(path, name) for path, name, *_ in ROWS}


def test_at_most_eight_private_names_are_not_documented_by_their_library():
    assert len(TESTED) <= 8


def test_each_private_name_has_a_test():
    for *_, node in TESTED:
        path, _, name = node.partition("::")
        assert f"def {name}(" in Path(ROOT, path).read_text()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("response._headers", {"_headers"}),
        ("getattr(view, '_apidoc', {})", {"_apidoc"}),
        ("config.__dict__.update(debug=True)", {"__dict__"}),
        ("from werkzeug._internal import _wsgi_encoding_dance", {"_internal", "_wsgi_encoding_dance"}),
        ("import logging\nlogging.raiseExceptions = False", {"logging.raiseExceptions"}),
        ("from gunicorn.http import wsgi\nwsgi.Response = 1", {"gunicorn.http.wsgi.Response"}),
        ("from flask import Flask\nFlask.testing = True", {"flask.Flask.testing"}),
        ("import gunicorn.util as util\nsetattr(util, 'close', 1)", {"gunicorn.util.close"}),
        ("app.log_exception = log  # type: ignore[method-assign]", {"log_exception"}),
        ("from flask import Flask\nclass A(Flask):\n def _is_setup_finished(self): 1", set()),
        ("from flask import Flask\nclass A(Flask):\n def _find_error_handler(self): 1", {"_find_error_handler"}),
        ("from flask import Flask\nclass A(Flask):\n def f(self): self._got_first_request", {"_got_first_request"}),
        ("from app.schemas.fields import Text\nclass A(Text):\n def _validate(self): 1", {"_validate"}),
        ("class A:\n def _f(self): self._f()\n def g(self): self._x = A._f", set()),
        ("from flask import g\ng.started = 1\nview.caller = 2\n_own = _other()", set()),
    ],
)
def test_uses_of_libraries_are_found_and_our_own_names_are_not(source, found):
    assert private_names(source) == found
