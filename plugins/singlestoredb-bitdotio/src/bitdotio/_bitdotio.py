"""The SDK object: databases over the API, connections and pools over psycopg2."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bitdotio._settings import (
    DEFAULT_DB_HOST,
    DEFAULT_DB_PORT,
    Settings,
    check_database_name,
    check_pool_size,
    resolve_settings,
)
from bitdotio.api_client import ApiClient, ApiError

if TYPE_CHECKING:
    import psycopg2.extensions

__all__ = ["ApiError", "bitdotio"]

# Arguments of psycopg2.connect that are not part of a connection string.
_FACTORIES = ("connection_factory", "cursor_factory")


def bitdotio(
    access_token: str | None,
    min_conn: int = 0,
    max_conn: int = 100,
    *,
    api_version: str | None = None,
    api_url: str | None = None,
    timeout: float | None = None,
    db_host: str | None = None,
    db_port: int | None = None,
    db_user: str | None = None,
    db_password: str | None = None,
    sslmode: str | None = None,
    query_via: str | None = None,
    validate_token: bool = True,
    dbname_map: Callable[[str], str] | None = None,
    connect_kwargs: Mapping[str, Any] | None = None,
) -> _BitV2:
    """Return an SDK object for ``access_token``; nothing is sent until it is used.

    Args:
        access_token: API key; ``None`` takes the one inside ``api_url``.
        min_conn: Connections that each database's pool opens at once and keeps.
        max_conn: Most connections of one database's pool.
        api_version: First part of the API's paths.  ``BITIO_API_VERSION``, else ``v2beta``.
        api_url: Where the API is.  ``BITIO_API_URL``, else bit.io's own.
        timeout: Seconds for the API to answer.  ``BITIO_TIMEOUT``, else 30.
        db_host: PostgreSQL's host.  ``BITIO_DB_HOST``, else what a back end at ``api_url`` says,
            else ``db.bit.io``.
        db_port: Its port.  ``BITIO_DB_PORT``, else as above, else 5432.
        db_user: Its user.  ``BITIO_DB_USER``, else ``api_user``.
        db_password: The user's password.  ``BITIO_DB_PASSWORD``, else the token.
        sslmode: libpq's sslmode.  ``BITIO_SSLMODE``, else what the back end says, else
            ``require``.
        query_via: ``http``, or ``pg`` to run ``query`` without the API.  ``BITIO_QUERY_VIA``.
        validate_token: ``False`` accepts tokens of any form, as an ``api_url`` of your own does.
        dbname_map: Turns ``owner/name`` into the name that PostgreSQL knows.
        connect_kwargs: More arguments for ``psycopg2.connect``; they win over all of the above.

    Raises:
        ValueError: when a value cannot be right.
    """
    check_pool_size(min_conn, max_conn)
    settings = resolve_settings(
        access_token,
        api_url=api_url,
        api_version=api_version,
        timeout=timeout,
        db_host=db_host,
        db_port=db_port,
        db_user=db_user,
        db_password=db_password,
        sslmode=sslmode,
        query_via=query_via,
        validate_token=validate_token,
    )
    return _BitV2(settings, min_conn, max_conn, dbname_map, connect_kwargs)


class _BitV2:
    """Client for one access token.  Made by :func:`bitdotio`; shared by threads, not processes.

    ``close()``, or use as a context manager, closes its pools and its HTTP session.
    """

    def __init__(
        self,
        settings: Settings,
        min_conn: int = 0,
        max_conn: int = 100,
        dbname_map: Callable[[str], str] | None = None,
        connect_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        self._settings = settings
        self._min_conn = min_conn
        self._max_conn = max_conn
        self._dbname_map = dbname_map
        self._connect_kwargs = dict(connect_kwargs or {})
        self._api_client = ApiClient(
            settings.token,
            settings.api_version,
            api_url=settings.api_url,
            timeout=settings.timeout,
        )
        self._pools: dict[str, Any] = {}
        self._pool_locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._endpoint: dict[str, Any] | None = None
        self._pid = os.getpid()

    def __repr__(self) -> str:
        return "<bitdotio SDK object: v2>"

    def __enter__(self) -> _BitV2:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the pools and the HTTP session.  Idempotent.

        Pooled connections that are in use are closed when their ``with`` block ends.
        """
        self._check_process()
        with self._lock:
            pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.closeall()
        self._api_client.close()

    # -- connections --------------------------------------------------------------------------

    def get_connection(self, db_name: str) -> psycopg2.extensions.connection:
        """Return a new connection to ``db_name`` that belongs to the caller, who closes it."""
        self._check_process()
        _import_psycopg2()
        import psycopg2

        connection: psycopg2.extensions.connection = psycopg2.connect(
            self._get_conn_string(db_name), **self._factories()
        )
        return connection

    @contextmanager
    def pooled_connection(self, db_name: str) -> Iterator[psycopg2.extensions.connection]:
        """Lend a connection from the pool of ``db_name`` for a ``with`` block.

        Transactions are the caller's: what was not committed is rolled back at the end.  A broken
        connection is discarded.

        Raises:
            psycopg2.pool.PoolError: when ``max_conn`` connections are in use.
        """
        pool = self._get_pool(db_name)
        connection = pool.getconn()
        try:
            yield connection
        finally:
            pool.putconn(connection)

    @contextmanager
    def pooled_cursor(self, db_name: str) -> Iterator[psycopg2.extensions.cursor]:
        """Lend a cursor on a pooled connection, for one transaction.

        The transaction is committed at the end of the ``with`` block, and rolled back when the
        block raises.
        """
        with (
            self.pooled_connection(db_name) as connection,
            _transaction(connection),
            connection.cursor() as cursor,
        ):
            yield cursor

    @staticmethod
    def _create_pool(pool_cls: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Make the pool of one database: the place to substitute another one."""
        return pool_cls(*args, **kwargs)

    def _get_pool(self, db_name: str) -> Any:
        self._check_process()
        pool = self._pools.get(db_name)
        if pool is not None:
            return pool
        _import_psycopg2()
        from bitdotio._pool import ConnectionPool

        # A lock for each database: opening min_conn connections to one that is waking up must
        # not hold up the others.
        with self._lock:
            lock = self._pool_locks.setdefault(db_name, threading.Lock())
        with lock:
            pool = self._pools.get(db_name)
            if pool is None:
                pool = self._create_pool(
                    ConnectionPool,
                    self._min_conn,
                    self._max_conn,
                    self._get_conn_string(db_name),
                    **self._factories(),
                )
                with self._lock:
                    self._pools[db_name] = pool
        return pool

    def _get_conn_string(self, db_name: str) -> str:
        """Return the libpq connection string for ``db_name``, every value quoted as needed."""
        from psycopg2.extensions import make_dsn

        settings = self._settings
        endpoint = self._get_endpoint()
        parameters: dict[str, Any] = {
            "dbname": self._dbname_map(db_name) if self._dbname_map else db_name,
            "user": settings.db_user or endpoint.get("user", "api_user"),
            "password": settings.db_password or settings.token,
            "host": settings.db_host or endpoint.get("host", DEFAULT_DB_HOST),
            "port": settings.db_port or endpoint.get("port", DEFAULT_DB_PORT),
            "sslmode": settings.sslmode or endpoint.get("sslmode", "require"),
        }
        extra = {k: v for k, v in self._connect_kwargs.items() if k not in _FACTORIES}
        dsn: str = make_dsn(**{**parameters, **extra})
        return dsn

    def _factories(self) -> dict[str, Any]:
        return {k: v for k, v in self._connect_kwargs.items() if k in _FACTORIES}

    def _get_endpoint(self) -> dict[str, Any]:
        """Ask a back end of the user's own where its PostgreSQL is, once.

        bit.io's API has no such resource; a 404 therefore means "the default", not an error.
        """
        settings = self._settings
        if not settings.custom_api or settings.db_host or settings.db_port:
            return {}
        if self._endpoint is None:
            try:
                self._endpoint = self._api_client.call("GET", "/connection/")
            except ApiError as exc:
                if exc.status_code != 404:
                    raise
        return self._endpoint or {}

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise RuntimeError(
                f"this bitdotio object was made in process {self._pid} and is used in process "
                f"{os.getpid()}: its connections must not be shared. "
                "Make one with bitdotio(...) in each process, after the fork."
            )

    # -- the API ------------------------------------------------------------------------------

    def query(self, db_name: str, query_str: str, data_format: str | None = None) -> Any:
        """Run ``query_str`` in one transaction of its own and return its result.

        ``data_format="objects"`` makes each row a dict instead of a list.
        """
        self._check_process()
        if self._settings.query_via == "pg":
            _import_psycopg2()
            from bitdotio._query import run_query

            with self.pooled_connection(db_name) as connection:
                return run_query(connection, query_str, data_format)
        return self._api_client.call(
            "POST",
            "/query",
            json={"database_name": db_name, "query_string": query_str},
            params=None if data_format is None else {"data_format": data_format},
        )

    def list_databases(self) -> Any:
        """Return a list of dicts: the databases that the token's user owns or works on."""
        self._check_process()
        body = self._api_client.call("GET", "/db/")
        try:
            return body["databases"]
        except (TypeError, KeyError):
            raise ApiError(200, body) from None

    def create_database(
        self, name: str, is_private: bool = True, storage_limit_bytes: int | None = None
    ) -> Any:
        """Create a database and return a dict of its metadata.

        ``name`` is without the owner; the metadata's ``name`` is ``owner/name``, as every other
        method takes it.
        """
        self._check_process()
        body: dict[str, Any] = {"name": name, "is_private": is_private}
        if storage_limit_bytes:
            body["storage_limit_bytes"] = storage_limit_bytes
        return self._api_client.call("POST", "/db/", json=body)

    def get_database(self, db_name: str) -> Any:
        """Return a dict of the metadata of ``db_name``."""
        return self._api_client.call("GET", self._database_path(db_name))

    def update_database(
        self,
        db_name: str,
        name: str | None = None,
        is_private: bool | None = None,
        storage_limit_bytes: int | None = None,
    ) -> Any:
        """Change what is not ``None`` of ``db_name`` and return its metadata as it then is.

        ``name`` is the new name, without the owner.
        """
        fields = {
            "name": name,
            "is_private": is_private,
            "storage_limit_bytes": storage_limit_bytes,
        }
        body = {key: value for key, value in fields.items() if value is not None}
        metadata = self._api_client.call("PATCH", self._database_path(db_name), json=body)
        if name is not None:
            self._drop_pool(db_name)
        return metadata

    def delete_database(self, db_name: str) -> None:
        """Delete ``db_name`` with all that is in it, and close its pool."""
        self._api_client.call("DELETE", self._database_path(db_name))
        self._drop_pool(db_name)

    def _drop_pool(self, db_name: str) -> None:
        with self._lock:
            pool = self._pools.pop(db_name, None)
        if pool is not None:
            pool.closeall()

    def _database_path(self, db_name: str) -> str:
        self._check_process()
        check_database_name(db_name)
        return "/db/" + quote(db_name, safe="/")


@contextmanager
def _transaction(connection: psycopg2.extensions.connection) -> Iterator[None]:
    """Commit at the end of a ``with`` block, roll back when it raises.

    As the connection itself does, except that on a lost connection its failing rollback hides the
    error that tells why it was lost.
    """
    failure: BaseException | None = None
    try:
        with connection:
            try:
                yield
            except BaseException as exc:
                failure = exc
                raise
    except BaseException as exc:
        if failure is None or exc is failure:
            raise
        raise failure from failure.__cause__


def _import_psycopg2() -> None:
    """Raise ``ImportError`` with the cure unless psycopg2 can be imported."""
    try:
        import psycopg2  # noqa: F401 - imported to see whether it can be
    except ImportError as exc:
        raise ImportError(
            "direct connections need psycopg2, which cannot be imported "
            f"({exc}). Install it with one of:\n"
            "  pip install 'singlestoredb-bitdotio[psycopg2-binary]'   (no PostgreSQL needed)\n"
            "  pip install 'singlestoredb-bitdotio[psycopg2]'          (builds against libpq)"
        ) from exc
