"""From psycopg2's errors to the SDK's, by SQLSTATE."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2

from singlestoredb import exceptions

# Classes of SQLSTATE: PostgreSQL manual, appendix A.
_CLASSES: dict[str, type[exceptions.Error]] = {
    "08": exceptions.OperationalError,  # connection
    "0A": exceptions.NotSupportedError,
    "21": exceptions.ProgrammingError,  # cardinality
    "22": exceptions.DataError,
    "23": exceptions.IntegrityError,
    "24": exceptions.InternalError,  # cursor state
    "25": exceptions.InternalError,  # transaction state
    "26": exceptions.ProgrammingError,  # statement name
    "28": exceptions.OperationalError,  # authorization
    "2D": exceptions.InternalError,  # transaction termination
    "34": exceptions.InternalError,  # cursor name
    "3B": exceptions.InternalError,  # savepoint
    "3D": exceptions.ProgrammingError,  # database name
    "3F": exceptions.ProgrammingError,  # schema name
    "40": exceptions.OperationalError,  # transaction rollback
    "42": exceptions.ProgrammingError,  # syntax, names
    "44": exceptions.IntegrityError,  # WITH CHECK OPTION
    "53": exceptions.OperationalError,  # resources
    "54": exceptions.OperationalError,  # limits
    "55": exceptions.OperationalError,  # object state
    "57": exceptions.OperationalError,  # operator intervention
    "58": exceptions.OperationalError,  # system
    "P0": exceptions.OperationalError,  # raised by PL/pgSQL code
    "XX": exceptions.InternalError,
}
_EXACT: dict[str, type[exceptions.Error]] = {
    "42501": exceptions.OperationalError,  # permission denied
}
# MySQL's numbers for what programs most often look at.
_NUMBERS = {
    "23502": 1048,  # NULL where it is not allowed
    "23503": 1452,  # foreign key
    "23505": 1062,  # duplicate key
    "3D000": 1049,  # unknown database
    "40P01": 1213,  # deadlock
    "42501": 1142,  # permission denied
    "42601": 1064,  # syntax
    "42703": 1054,  # unknown column
    "42P01": 1146,  # unknown table
    "42P07": 1050,  # table exists
    "57014": 1317,  # cancelled
}
CANNOT_CONNECT = 2003
SERVER_LOST = 2013


def translate(exc: psycopg2.Error, default_number: int | None = None) -> exceptions.Error:
    """Return the SDK's error for one of psycopg2, with its SQLSTATE, text and hint.

    ``default_number`` is the ``errno`` of an error without SQLSTATE.
    """
    state = exc.pgcode
    text = (exc.diag.message_primary or str(exc)).strip()
    if exc.diag.message_detail:
        text += f" ({exc.diag.message_detail})"
    if state is None:
        # psycopg2 itself or the connection failed; its classes have PEP 249's names, too.
        names = (each.__name__ for each in type(exc).__mro__)
        found = next((n for n in names if hasattr(exceptions, n)), "OperationalError")
        cls = getattr(exceptions, found)
        number = default_number if cls is exceptions.OperationalError else None
        error: exceptions.Error = cls(number, text)
        return error
    cls = _EXACT.get(state) or _CLASSES.get(state[:2], exceptions.DatabaseError)
    return cls(_NUMBERS.get(state), text, state, hint=exc.diag.message_hint)


@contextmanager
def translated(default_number: int | None = SERVER_LOST) -> Iterator[None]:
    """Raise the SDK's errors in place of psycopg2's."""
    try:
        yield
    except psycopg2.Error as exc:
        raise translate(exc, default_number) from exc
    except (ValueError, OverflowError) as exc:
        # Python's types are narrower than PostgreSQL's: years before 1 and after 9999.
        raise exceptions.DataError(
            None, f"a value has no Python counterpart: {exc}", hint="select it as text (::text)"
        ) from exc
