"""Queries for words in the syntax of the databases: the ranks of what `app.services.dataset_search` finds."""

from collections.abc import Iterator
from typing import NamedTuple

from app.database.names import containing, searchable
from app.services.search_documents import GRAM, GRAM_LENGTH, KINDS, grams, words

QUERY_WORDS_MAX = 16  # the others are ignored
QUERY_GRAMS_MAX = 24  # enough to find few rows, whose names are then compared

# Abbreviations of the field. A text with the abbreviation has what the words search for, and the other way round.
ABBREVIATIONS = {
    "sst": ("sea", "surface", "temperature"),
    "sss": ("sea", "surface", "salinity"),
    "ssh": ("sea", "surface", "height"),
    "lst": ("land", "surface", "temperature"),
}


class Operators(NamedTuple):
    every: str
    any: str
    beginning: str


OPERATORS = {
    "postgresql": Operators(" & ", " | ", ":*"),
    "sqlite": Operators(" AND ", " OR ", "*"),
}


class Rank(NamedTuple):
    """Two queries in the syntax of the database: what a document matches, and what it does not match.

    With `names`, a pattern of LIKE that the names must match too.
    """

    match: str
    but_not: str | None
    names: str | None = None


def ranks(q: str, dialect: str) -> list[Rank]:
    """The ranks of the datasets that `q` finds, best first. No dataset has two of them."""
    operators = OPERATORS[dialect]
    given = words(q)[:QUERY_WORDS_MAX]
    found = [_having(given, KINDS[:number], operators) for number in range(1, len(KINDS) + 1) if given]
    by_words = [Rank(match, before) for match, before in zip(found, [None, *found], strict=False)]
    part = _containing(q, operators)
    every = [*by_words, Rank(part.match, found[-1] if found else None, part.names)]
    # FTS5 skips what it excludes. The index of PostgreSQL would look up these words too, so it excludes rows later.
    return [_as_one_query(rank) for rank in every] if dialect == "sqlite" else every


def _as_one_query(rank: Rank) -> Rank:
    return Rank(f"({rank.match}) NOT ({rank.but_not})", None, rank.names) if rank.but_not else rank


def _having(given: list[str], kinds: str, operators: Operators) -> str:
    """The query for all of the words, each in a text of one of `kinds`, or an abbreviation instead of it."""

    def of_kinds(word: str) -> str:
        return "(" + operators.any.join(kind + word + operators.beginning for kind in kinds) + ")"

    def spellings(word: str) -> Iterator[str]:
        yield of_kinds(word)
        if word in ABBREVIATIONS:
            yield "(" + operators.every.join(map(of_kinds, ABBREVIATIONS[word])) + ")"
        for short, long in ABBREVIATIONS.items():
            if word in long and set(long) <= set(given):
                yield of_kinds(short)

    return operators.every.join("(" + operators.any.join(spellings(word)) + ")" for word in given)


def _containing(q: str, operators: Operators) -> Rank:
    """The datasets whose names contain `q`."""
    text = searchable(q)
    found = grams(text)
    if len(text) < GRAM_LENGTH:
        match = GRAM + found[0] + operators.beginning
    else:
        whole = found[: -(GRAM_LENGTH - 1)]
        match = operators.every.join(GRAM + gram for gram in whole[:: 1 + len(whole) // QUERY_GRAMS_MAX])
    return Rank(match, None, containing(text))


def conditions_of(q: str, dialect: str) -> dict[str, str]:
    """The parameters of the filter `q` of datasets, which finds the same datasets as all ranks together."""
    operators = OPERATORS[dialect]
    part = _containing(q, operators)
    given = words(q)[:QUERY_WORDS_MAX]
    by_words = _having(given, KINDS, operators) if given else part.match
    return {"q_words": by_words, "q_part": part.match, "q_names": str(part.names)}
