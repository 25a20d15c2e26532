"""Prints docs/using/parameters.md: all lists and all their parameters, from the OpenAPI document."""

import json
from collections import defaultdict

from app.routes import BLUEPRINTS
from app.web import openapi

HEAD = """\
# Parameters of lists

`make parameters` writes this page from the code. [clients.md](clients.md#filters) has the rules for filters.

The columns are the lists, and the statistics, which have the same filters. ● marks the parameters that a list has, and
a value is the default.

"""
MEANINGS = """
## Meanings

| parameter | lists | meaning |
|---|---|---|
"""


def page():
    """The page. Parameters are in the order of the document, and those of all lists are first."""
    lists = dict(_lists(json.loads(openapi.document(BLUEPRINTS))))
    letters = dict(zip(lists, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", strict=False))
    names = dict.fromkeys(name for parameters in lists.values() for name in parameters)
    order = sorted(names, key=lambda name: -sum(name in parameters for parameters in lists.values()))
    key = "".join(f"- {letter}: `{path}`\n" for path, letter in letters.items())
    table = [f"| | {' | '.join(letters.values())} |", "|---|" + "---|" * len(lists)]
    table += [f"| `{name}` | {' | '.join(_cell(lists[path].get(name)) for path in lists)} |" for name in order]
    meanings = [row for name in order for row in _meanings(name, lists, letters)]
    return "\n".join([HEAD + key, *table, MEANINGS + "\n".join(meanings), ""])


def _lists(document):
    """Each list with its parameters of the query by name."""
    for path, item in document["paths"].items():
        parameters = {each["name"]: each for each in item.get("get", {}).get("parameters", ()) if each["in"] == "query"}
        ok = item.get("get", {}).get("responses", {}).get("200", {}).get("content", {}).get("application/json", {})
        if ok.get("schema", {}).get("type") == "array" or parameters.keys() & {"limit", "since"}:
            yield path, parameters


def _cell(parameter):
    if parameter is None:
        return ""
    default = parameter["schema"].get("default")
    return "●" if default is None else f"`{json.dumps(default).strip(chr(34))}`"


def _meanings(name, lists, letters):
    """A row for each meaning of a parameter, with the lists where it has this meaning."""
    found = defaultdict(list)
    for path, parameters in lists.items():
        if name in parameters:
            found[parameters[name]["description"]].append(letters[path])
    for meaning, where in found.items():
        everywhere = "all" if len(where) == len(lists) else " ".join(where)
        yield f"| `{name}` | {everywhere} | {meaning} |"


if __name__ == "__main__":
    print(page(), end="")
