"""The tokens by which datasets are found, and their index.

A text is split into words without case and accents. A token is a word behind the letter of its kind. So both databases,
which only compare tokens and their beginnings, give the same answers, and an index alone says where a word was found.

Triggers note each dataset whose texts change, whichever program changes them. A search indexes them first. So programs
that write need not know the index, and a search finds what was written before it, unless a lock prevents the indexing.
"""

import logging
import re
import unicodedata
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Connection,
    Row,
    Select,
    bindparam,
    delete,
    insert,
    select,
    union_all,
)
from sqlalchemy.exc import DataError, DBAPIError

from app.database.engine import cause, exceeds_limit, is_full, is_locked, is_read_only
from app.database.fairness import in_batches, paced
from app.database.names import searchable
from app.database.statements import fetch
from app.extensions import db
from app.models import DatasetDescription, DatasetSearch, DatasetSearchQueue, Feedstock, FeedstockMetadata
from app.models.datasets import DATASETS

logger = logging.getLogger(__name__)

FEEDSTOCK, METADATA, DESCRIPTION = (
    db.metadata.tables[model.__tablename__] for model in (Feedstock, FeedstockMetadata, DatasetDescription)
)

# The kinds of words, most important first: a search ranks datasets by the kinds in which it finds all its words.
TITLE, KEYWORD, NAME, VARIABLE, TEXT = KINDS = "abcde"
# Names of variables and keywords as a whole, and every three successive characters of recipe, feedstock and url.
WHOLE = {"variable": "v", "keyword": "k"}  # by the filter that finds them
GRAM = "g"
VERSION = 1  # of the tokens; another number lets all datasets be indexed again

WORD_MAX = 64  # characters; the rest of a longer word is ignored
WORDS_MAX = 5000  # of a text
# PostgreSQL limits a token to 2046 bytes and a document to 1048575. A word of WORD_MAX characters has up to 256 bytes.
WHOLE_MAX = 512  # bytes; of 255 characters with case folded and signs replaced there are up to 2550
DOCUMENT_MAX = 1_000_000  # bytes
GRAM_LENGTH = 3
BATCH = 200  # datasets indexed in one transaction
STORED = 10  # datasets stored by one statement; SQLite takes about a millisecond for each
REFRESHED = 1000  # datasets that a search indexes first
LOCK_TIMEOUT = 100  # milliseconds that a search waits for a lock; other searches and most writers hold theirs for less
ATTRIBUTES = ("title", "summary", "keywords")  # of a dataset, by the convention ACDD
LOCK_KEY = 8_215_731_408  # any number, but the same in every release

WORD = re.compile(r"[^\W_]+")
OTHER = re.compile(r"[\W_](?<![\U00010000-\U0010ffff])")
# In a name such as seaSurfaceTemperature or HadISST.
CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def words(text: str) -> list[str]:
    """The words of `text`, each once. Case and accents are ignored."""
    if not text.isascii():
        text = "".join(part for part in unicodedata.normalize("NFKD", text) if not unicodedata.combining(part))
    found = (word[:WORD_MAX] for word in WORD.findall(text.casefold()))
    return list(dict.fromkeys(found))[:WORDS_MAX]


def grams(text: str) -> list[str]:
    """Every three successive characters of `text`, and its last two and its last one, each once."""
    text = _as_word(text)
    return list(dict.fromkeys(text[start : start + GRAM_LENGTH] for start in range(len(text))))


def whole(kind: str, text: str) -> str:
    """The token by which the filter `kind`, a key of WHOLE, finds `text`. That of a long text is its digest.

    The standard name of a variable is another name of it.
    """
    word = _as_word(searchable(text))
    long = len(word.encode()) > WHOLE_MAX
    return WHOLE[kind] + (sha256(word.encode()).hexdigest() if long else word)


def _as_word(text: str) -> str:
    """`text` with other characters than letters and digits replaced, so that the databases take it as one word."""
    return OTHER.sub(lambda found: chr(0xF0000 + ord(found[0])), text)


def index_changed(limit: int | None = None, **options: Any) -> int:
    """Index the datasets whose texts have changed or have tokens of an older version, all or up to `limit`.

    Return their number.

    `options` are those of the connection (`app.database.engine`).
    """
    total = 0
    while limit is None or total < limit:
        with db.engine.connect().execution_options(read_only=False, **options) as connection, connection.begin():
            if connection.dialect.name == "postgresql":  # two at once could store the older texts last
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK_KEY})")
            changes = connection.execute(_CHANGES).all()
            ids = list({dataset_id for (dataset_id,) in changes})
            # First the changes are deleted: the statements after that read what they are about.
            connection.execute(_DELETE_CHANGES, {"ids": ids})
            connection.execute(_LOCK_DATASETS, {"ids": ids})
            _index(connection, ids)
        total += len(ids)
        if len(changes) < BATCH:
            break
    return total


def note_all() -> None:
    """Note all datasets, as if their texts had changed."""
    with db.engine.begin() as connection:
        connection.execute(insert(DatasetSearchQueue).from_select(["dataset_id"], select(DATASETS.c.id)))


def refresh() -> None:
    """Index what has changed since the last search, up to REFRESHED datasets; `flask datasets index` indexes more.

    If the database cannot be written, or another transaction holds a lock, the search reads the index as it is.
    """
    if is_current():
        return
    try:
        index_changed(REFRESHED, lock_timeout=LOCK_TIMEOUT)
    except DBAPIError as error:
        if not (is_read_only(error) or is_locked(error) or is_full(error)):
            raise
        logger.warning("search index not updated", extra={"cause": cause(error)})


def is_current() -> bool:
    """Whether no dataset is left to index."""
    return not fetch(_FIRST_CHANGE)


def _changes(limit: int) -> CompoundSelect[Any]:
    """Selects up to `limit` datasets whose texts have changed, and as many with the tokens of an older version."""
    changed = select(DatasetSearchQueue.dataset_id).order_by(DatasetSearchQueue.id).limit(limit)
    # In this order, so that PostgreSQL uses the index whatever it expects.
    others = select(DatasetSearch.dataset_id).order_by(DatasetSearch.version).limit(limit)
    others = others.where(DatasetSearch.version < VERSION)
    return union_all(*(select(found.subquery().c.dataset_id) for found in (changed, others)))


_FIRST_CHANGE, _CHANGES = _changes(1), _changes(BATCH)
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_DELETE_CHANGES = delete(DatasetSearchQueue).where(DatasetSearchQueue.dataset_id.in_(_IDS))
# Against a deletion. All are locked before the first is indexed, so no work is in vain if a lock is taken.
_DATASETS = select(DATASETS.c.id).where(DATASETS.c.id.in_(_IDS)).order_by(DATASETS.c.id)
_LOCK_DATASETS = _DATASETS.with_for_update(read=True, key_share=True)
_DELETE_DOCUMENTS = delete(DatasetSearch).where(DatasetSearch.dataset_id.in_(_IDS))


def _texts() -> Select[Any]:
    """Selects the texts of the datasets `:ids` that are listed somewhere."""
    described = DATASETS.join(FEEDSTOCK, FEEDSTOCK.c.id == DATASETS.c.feedstock_id)
    described = described.outerjoin(METADATA, METADATA.c.feedstock_id == FEEDSTOCK.c.id)
    described = described.outerjoin(DESCRIPTION, DESCRIPTION.c.dataset_id == DATASETS.c.id)
    columns: list[ColumnElement[Any]] = [
        DATASETS.c[name] for name in ("id", "recipe_id", "url", "title", "description")
    ]
    of_feedstock = [METADATA.c[name] for name in ("title", "description", "keywords")]
    columns += [FEEDSTOCK.c.spec, *(column.label(f"feedstock_{column.key}") for column in of_feedstock)]
    columns += [DESCRIPTION.c.variables, DESCRIPTION.c.attributes]
    listed = DATASETS.c.id.in_(_IDS), DATASETS.c.merged_into.is_(None), DATASETS.c.url != ""
    return select(*columns).select_from(described).where(*listed)


_TEXTS = _texts()


def _index(connection: Connection, ids: list[int]) -> None:
    for some in in_batches(ids, STORED):
        connection.execute(_DELETE_DOCUMENTS, {"ids": some})
        if rows := connection.execute(_TEXTS, {"ids": some}).all():
            _store(connection, [_document(row) for row in paced(rows)])


def _store(connection: Connection, documents: list[dict[str, Any]]) -> None:
    """Insert the documents. One that the database refuses is left out until the texts of its dataset change again, so
    that the others are found.
    """
    try:
        with connection.begin_nested():
            connection.execute(insert(DatasetSearch), documents)
    except DBAPIError as error:
        if not (isinstance(error, DataError) or exceeds_limit(error)):
            raise
        if len(documents) > 1:
            for document in documents:
                _store(connection, [document])
        else:
            fields = {"dataset_id": documents[0]["dataset_id"], "cause": cause(error)}
            logger.error("dataset not indexed", extra=fields)


def _document(row: Row[Any]) -> dict[str, Any]:
    """The row of `dataset_search` for a row of `_texts`."""
    names = [searchable(text) for text in (row.recipe_id, row.spec, row.url)]
    document = _joined(_tokens(row, names))
    return {"dataset_id": row.id, "document": document, "names": "\n".join(names), "version": VERSION}


def _joined(tokens: Iterable[str]) -> str:
    """The tokens, each once: the first of them, up to DOCUMENT_MAX bytes."""
    document = " ".join(dict.fromkeys(tokens))
    if len(document.encode()) <= DOCUMENT_MAX:
        return document
    return document.encode()[:DOCUMENT_MAX].rpartition(b" ")[0].decode()


def _tokens(row: Row[Any], names: list[str]) -> Iterator[str]:
    """The tokens of a row of `_texts`. The last may not fit into the document.

    So those whose number is small come first: of the longest texts that the service accepts, they have less than
    DOCUMENT_MAX bytes together. Then come the others, most important first.
    """
    variables = row.variables or {}
    attributes, keywords = row.attributes or {}, row.feedstock_keywords or []
    described = [value for details in variables.values() for value in _described(details)]
    standard_names = (details.get("standard_name") for details in variables.values())
    yield from _of_kind(TITLE, row.title, row.feedstock_title)
    yield from _of_kind(NAME, row.recipe_id, row.spec)
    yield from (GRAM + gram for name in names for gram in grams(name))
    yield from (whole("variable", name) for name in (*variables, *filter(None, standard_names)))
    yield from (whole("keyword", keyword) for keyword in keywords)
    yield from _of_kind(KEYWORD, *keywords)
    yield from _of_kind(VARIABLE, *variables, *described)
    yield from _of_kind(TEXT, row.description, row.feedstock_description)
    yield from _of_kind(TEXT, *(attributes.get(name) for name in ATTRIBUTES))


def _described(variable: dict[str, Any]) -> Iterable[Any]:
    return variable.get("standard_name"), variable.get("long_name")


def _of_kind(kind: str, *texts: Any) -> Iterator[str]:
    """The tokens of `texts`. A name in camel case is found by its parts and as a whole."""
    text = " ".join(text for text in texts if isinstance(text, str))
    yield from (kind + word for word in words(text))
    if (parts := CAMEL_CASE.sub(" ", text)) != text:
        yield from (kind + word for word in words(parts))
