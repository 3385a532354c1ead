"""The operations of the REST API, done on PostgreSQL.

Every database of the API is a PostgreSQL database named ``owner/name`` that belongs to the role
``api_user``, whose password is the token.  Others on the same server are neither shown nor touched.
What PostgreSQL does not know of a database is kept as JSON in its comment.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from typing import Any

import psycopg2
from psycopg2 import errorcodes, extensions, sql

from bitdotio._query import FORMATS, run_query
from bitdotio._settings import check_database_name

ROLE = "api_user"
_NAME_BYTES = 63  # NAMEDATALEN - 1, PostgreSQL's limit for identifiers

# Error classes of SQLSTATE (PostgreSQL manual, appendix A) that are not the caller's doing.
_UNAVAILABLE = ("08", "53", "57P")
_INTERNAL = ("58", "F0", "XX")


class BackendError(Exception):
    """A request is refused with an HTTP status, a text, and PostgreSQL's code if there is one."""

    def __init__(self, status: int, message: str, sqlstate: str | None = None) -> None:
        super().__init__(status, message, sqlstate)
        self.status = status
        self.message = message
        self.sqlstate = sqlstate


class Backend:
    """The API of one user, ``owner``, on the server behind a superuser's connection string.

    Makes the role ``api_user``, or changes its password when it is there.

    Raises:
        BackendError: when the server cannot be used; says what to change.
    """

    def __init__(self, dsn: str, token: str, owner: str) -> None:
        self._dsn = dsn
        self._token = token
        self._owner = owner
        self._change = threading.Lock()
        with self._admin() as connection:
            self._prepare_role(connection)
            self.host = connection.info.host
            self.port = connection.info.port
            dbname = connection.info.dbname
        try:
            self._connect_as_user(dbname).close()
        except psycopg2.OperationalError as exc:
            raise BackendError(
                503,
                f"PostgreSQL does not let {ROLE} in with a password: {str(exc).strip()}. "
                "Allow it in pg_hba.conf, or give a connection string with a TCP host",
            ) from None

    # -- operations ---------------------------------------------------------------------------

    def connection(self) -> dict[str, Any]:
        """Return where direct connections go."""
        return {"host": self.host, "port": self.port, "user": ROLE}

    def list_databases(self) -> list[dict[str, Any]]:
        """Return the metadata of every database of the API, by name."""
        with self._admin() as connection:
            return self._describe(connection)

    def get_database(self, name: str) -> dict[str, Any]:
        """Return the metadata of the database ``owner/name``."""
        with self._admin() as connection:
            return self._find(connection, name)

    def create_database(
        self, name: str, is_private: bool, storage_limit_bytes: int | None
    ) -> dict[str, Any]:
        """Create ``owner/name`` from its ``name`` and return its metadata."""
        full_name = self._full_name(name)
        comment = {
            "is_private": is_private,
            "storage_limit_bytes": storage_limit_bytes,
            "date_created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
        with self._change, self._admin() as connection:
            _run(connection, "CREATE DATABASE {} OWNER {}", full_name, ROLE)
            self._set_comment(connection, full_name, comment)
            return self._find(connection, full_name)

    def update_database(self, full_name: str, changes: dict[str, Any]) -> dict[str, Any]:
        """Apply ``changes`` (``name``, ``is_private``, ``storage_limit_bytes``)."""
        with self._change, self._admin() as connection:
            metadata = self._find(connection, full_name)
            if "name" in changes:
                new_name = self._full_name(changes["name"], metadata["name"].split("/")[0])
                if new_name != full_name:
                    self._rename(connection, full_name, new_name)
                full_name = new_name
            kept = ("is_private", "storage_limit_bytes", "date_created")
            comment = {key: changes.get(key, metadata[key]) for key in kept}
            self._set_comment(connection, full_name, comment)
            return self._find(connection, full_name)

    def delete_database(self, full_name: str) -> None:
        """Drop a database, and end the connections to it."""
        with self._change, self._admin() as connection:
            self._check_exists(connection, full_name)
            _run(connection, "DROP DATABASE {} WITH (FORCE)", full_name)

    def query(self, full_name: str, text: str, data_format: str | None) -> dict[str, Any]:
        """Run one SQL text in a transaction and a session of its own."""
        if data_format not in FORMATS:
            raise BackendError(400, f"invalid data_format {data_format!r}: expected 'objects'")
        with self._admin() as connection:
            self._check_exists(connection, full_name)
        with _translated(), closing(self._connect_as_user(full_name)) as connection:
            return run_query(connection, text, data_format)

    # -- the parts ----------------------------------------------------------------------------

    @contextmanager
    def _admin(self) -> Iterator[extensions.connection]:
        with _translated(), closing(psycopg2.connect(self._dsn)) as connection:
            # CREATE, ALTER and DROP DATABASE refuse to run inside a transaction.
            connection.autocommit = True
            yield connection

    def _connect_as_user(self, dbname: str) -> extensions.connection:
        connection: extensions.connection = psycopg2.connect(
            self._dsn, dbname=dbname, user=ROLE, password=self._token
        )
        return connection

    def _prepare_role(self, connection: extensions.connection) -> None:
        # Encrypted here, so that the token does not show in the server's log or statistics.
        password = extensions.encrypt_password(self._token, ROLE, connection, "scram-sha-256")
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = %s", (ROLE,))
            row = cursor.fetchone()
        if row and row[0]:
            raise BackendError(
                500, f"the role {ROLE} of this PostgreSQL is a superuser: queries would be, too"
            )
        verb = sql.SQL("ALTER" if row else "CREATE")
        statement = sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
            verb, sql.Identifier(ROLE), sql.Literal(password)
        )
        with connection.cursor() as cursor:
            cursor.execute(statement)

    def _describe(
        self, connection: extensions.connection, name: str | None = None
    ) -> list[dict[str, Any]]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT d.oid, d.datname, shobj_description(d.oid, 'pg_database'),"
                " pg_database_size(d.oid)"
                " FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba"
                " WHERE r.rolname = %(role)s AND d.datname LIKE '%%/%%'"
                " AND (%(name)s IS NULL OR d.datname = %(name)s) ORDER BY d.datname",
                {"role": ROLE, "name": name},
            )
            rows = cursor.fetchall()
        return [_metadata(*row) for row in rows]

    def _find(self, connection: extensions.connection, name: str) -> dict[str, Any]:
        for metadata in self._describe(connection, name):
            return metadata
        raise BackendError(404, f"there is no database {name!r}")

    def _check_exists(self, connection: extensions.connection, name: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba"
                " WHERE r.rolname = %s AND d.datname LIKE '%%/%%' AND d.datname = %s",
                (ROLE, name),
            )
            if not cursor.rowcount:
                raise BackendError(404, f"there is no database {name!r}")

    def _full_name(self, name: str, owner: str | None = None) -> str:
        full_name = f"{owner or self._owner}/{name}"
        try:
            check_database_name(full_name)
        except ValueError as exc:
            raise BackendError(400, str(exc)) from None
        if len(full_name.encode()) > _NAME_BYTES:
            raise BackendError(400, f"the name {full_name!r} is longer than {_NAME_BYTES} bytes")
        return full_name

    def _set_comment(
        self, connection: extensions.connection, name: str, comment: dict[str, Any]
    ) -> None:
        statement = sql.SQL("COMMENT ON DATABASE {} IS {}").format(
            sql.Identifier(name), sql.Literal(json.dumps(comment))
        )
        with connection.cursor() as cursor:
            cursor.execute(statement)

    def _rename(self, connection: extensions.connection, old: str, new: str) -> None:
        # PostgreSQL renames no database in use, and clients with pools come back at once.
        for attempt in range(20):
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                    (old,),
                )
            try:
                return _run(connection, "ALTER DATABASE {} RENAME TO {}", old, new)
            except psycopg2.errors.ObjectInUse:
                if attempt == 19:
                    raise
            time.sleep(0.05)


def _run(connection: extensions.connection, statement: str, *names: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _metadata(oid: int, name: str, comment: str | None, size: int | None) -> dict[str, Any]:
    try:
        kept = json.loads(comment or "{}")
    except ValueError:
        kept = {}
    if not isinstance(kept, dict):
        kept = {}
    return {
        "id": str(oid),
        "name": name,
        "is_private": kept.get("is_private", True),
        "role": "owner",
        "date_created": kept.get("date_created"),
        "storage_limit_bytes": kept.get("storage_limit_bytes"),
        "storage_usage_bytes": size,
    }


@contextmanager
def _translated() -> Iterator[None]:
    """Turn psycopg2's errors into HTTP's, by SQLSTATE."""
    try:
        yield
    except psycopg2.Error as exc:
        state = exc.pgcode
        message = (exc.diag.message_primary or str(exc)).strip()
        lost = isinstance(exc, (psycopg2.OperationalError, psycopg2.InterfaceError))
        if state is None and not lost:
            # psycopg2 itself refuses it: an empty statement, or COPY.
            status = 400
        elif state is None or state.startswith(_UNAVAILABLE):
            status = 503
        elif state.startswith(_INTERNAL):
            status = 500
        elif state == errorcodes.INVALID_CATALOG_NAME:
            status = 404
        elif state in (errorcodes.DUPLICATE_DATABASE, errorcodes.OBJECT_IN_USE):
            status = 409
        else:
            status = 400
        raise BackendError(status, message, state) from exc
