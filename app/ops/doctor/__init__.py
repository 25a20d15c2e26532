"""`flask doctor` looks for faults of an installation.

A check returns a sentence that says what is right, or raises `DiagnosisError`, which says what to fix and how.
"""

from collections.abc import Callable, Iterator

from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db
from app.ops.doctor.diagnosis import DiagnosisError, cause
from app.ops.doctor.rights import ownership, rights
from app.ops.doctor.schema import counts, failures, schema, sequences, triggers
from app.ops.doctor.server import clock, connections, database, migrations, storage, timeouts
from app.ops.doctor.settings import configuration, limits

Check = Callable[[], str]

# A database at another revision has another schema, so these would report what `migrations` has reported already.
OF_THE_SCHEMA: tuple[Check, ...] = (schema, ownership, rights, sequences, triggers, counts, failures)
CHECKS: tuple[Check, ...] = (
    *(configuration, database, migrations),
    *OF_THE_SCHEMA,
    *(clock, connections, timeouts, storage, limits),
)


def examine() -> Iterator[tuple[str, str, bool]]:
    """Yield the name of each check, its sentence and whether it passed. The checks after `database` need a database."""
    skipped: tuple[Check, ...] = ()
    for check in CHECKS:
        if check in skipped:
            continue
        try:
            yield check.__name__, check(), True
        except DiagnosisError as problem:
            yield check.__name__, str(problem), False
            if check is database:
                return
            if check is migrations:
                skipped = OF_THE_SCHEMA
        except SQLAlchemyError as error:
            db.session.rollback()
            yield check.__name__, f"The database refused the check: {cause(error)}.", False
