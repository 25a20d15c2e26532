"""Facets of datasets: how many of those that a search finds have which value."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from app.database.names import searchable
from app.services import datasets

COUNTED = 5000  # datasets, the first ones of the list
VALUES = 50  # of each facet, the most frequent ones
VALUED = ("dataset_type", "format", "license", "healthy")
COLUMNS = (*VALUED, "feedstock", "keywords", "variables")


def facets(query: dict[str, Any], counted: int = COUNTED) -> dict[str, Any]:
    """The facets of the list that `app.services.datasets.page` returns for `query`, of up to `counted` datasets."""
    page = datasets.page(**query, columns=COLUMNS, limit=counted)
    values = {name: [row[index] for row in page.rows] for index, name in enumerate(COLUMNS)}
    found: dict[str, Counter[Any]] = {name: Counter(values[name]) for name in VALUED}
    found["owner"] = Counter(spec.partition("/")[0] for spec in values["feedstock"])
    found |= {"keyword": _texts(values["keywords"]), "variable": _texts(values["variables"])}
    return {"count": len(page.rows), "complete": page.next is None} | {
        name: [{"value": value, "count": count} for value, count in _most_frequent(values)]
        for name, values in found.items()
    }


def _texts(of_datasets: Iterable[list[str]]) -> Counter[str]:
    """How many datasets have which text. Those that differ in case are one, in its most frequent spelling."""
    spellings: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for texts in of_datasets:
        for name, text in {searchable(text): text for text in texts}.items():
            spellings[name][text] += 1
    return Counter({counts.most_common(1)[0][0]: counts.total() for counts in spellings.values()})


def _most_frequent(values: Counter[Any]) -> list[tuple[Any, int]]:
    """The most frequent values; those that are equally frequent in order."""
    return sorted(values.items(), key=lambda item: (-item[1], str(item[0])))[:VALUES]
