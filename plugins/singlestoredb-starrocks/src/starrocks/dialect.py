"""The SQLAlchemy dialects: one class per driver, the same behaviour in all of them."""

from __future__ import annotations

import logging
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import exc
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects.mysql.asyncmy import MySQLDialect_asyncmy
from sqlalchemy.dialects.mysql.base import MySQLDialect, MySQLExecutionContext
from sqlalchemy.dialects.mysql.mysqldb import MySQLDialect_mysqldb
from sqlalchemy.dialects.mysql.pymysql import MySQLDialect_pymysql
from sqlalchemy.engine import default

from starrocks import datatype, options
from starrocks.compiler import (
    StarRocksCompiler,
    StarRocksIdentifierPreparer,
    StarRocksTypeCompiler,
)
from starrocks.ddl_compiler import StarRocksDDLCompiler
from starrocks.reflection import StarRocksInspector, StarRocksReflection
from starrocks.type_parser import ISCHEMA_NAMES

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection

logger = logging.getLogger("starrocks.dialect")

DEFAULT_PORT = 9030
"""Query port of a StarRocks front end (its manual, "FE configuration", ``query_port``)."""


class _StarRocks(StarRocksReflection):
    """What makes a MySQL dialect one for StarRocks; drivers are mixed in by the classes below."""

    name = "starrocks"
    supports_statement_cache = True

    supports_empty_insert = False
    supports_default_values = False
    supports_native_enum = False
    # The server reports no generated keys, and its counts of changed rows depend on the model.
    postfetch_lastrowid = False
    supports_sane_rowcount = False
    supports_sane_multi_rowcount = False

    statement_compiler: Any = StarRocksCompiler
    ddl_compiler: Any = StarRocksDDLCompiler
    type_compiler_cls: Any = StarRocksTypeCompiler
    preparer: Any = StarRocksIdentifierPreparer
    inspector: Any = StarRocksInspector
    ischema_names: Any = ISCHEMA_NAMES
    colspecs: Any = {  # noqa: RUF012 - SQLAlchemy declares it as an instance attribute
        **MySQLDialect.colspecs,
        sqltypes.Date: datatype.DATE,
        sqltypes.DateTime: datatype.DATETIME,
    }
    construct_arguments: Any = [  # noqa: RUF012 - see above
        *(
            (construct, arguments)
            for construct, arguments in MySQLDialect.construct_arguments
            if construct not in dict(options.construct_arguments())
        ),
        *options.construct_arguments(),
    ]

    run_mode = "shared_nothing"
    """``shared_nothing`` or ``shared_data``; read at the first connection."""

    def initialize(self, connection: Connection) -> None:
        """Read version and run mode; MySQL's settings have one value each in StarRocks."""
        self._connection_charset = self._detect_charset(connection)  # type: ignore[attr-defined]  # the driver's
        default.DefaultDialect.initialize(self, connection)  # type: ignore[arg-type]  # mixed in
        self.run_mode = self._get_run_mode(connection)

    def _get_server_version_info(self, connection: Connection) -> tuple[int, ...]:
        text = connection.exec_driver_sql("SELECT CURRENT_VERSION()").scalar()
        match = re.match(r"\d+(?:\.\d+){0,2}", str(text))
        return tuple(int(part) for part in match.group().split(".")) if match else ()

    def _get_run_mode(self, connection: Connection) -> str:
        try:
            row = connection.exec_driver_sql("ADMIN SHOW FRONTEND CONFIG LIKE 'run_mode'").first()
        except exc.DBAPIError as error:
            if error.connection_invalidated:
                raise
            logger.warning("cannot read run_mode, taking shared_nothing for it: %s", error.orig)
            return "shared_nothing"
        if row is None:
            logger.warning("the server reports no run_mode, taking shared_nothing for it")
            return "shared_nothing"
        return str(row[2]).lower()

    def create_connect_args(self, url: URL, *args: Any, **kw: Any) -> Any:
        """Return the driver's arguments; ``catalog.database`` passes as one name."""
        positional, keywords = super().create_connect_args(url, *args, **kw)  # type: ignore[misc]  # the driver's
        keywords.setdefault("port", DEFAULT_PORT)
        return positional, keywords


class StarRocksDialect(_StarRocks, MySQLDialect_pymysql):
    """``starrocks://`` and ``starrocks+pymysql://``."""

    supports_statement_cache = True


class StarRocksDialect_mysqldb(_StarRocks, MySQLDialect_mysqldb):  # noqa: N801 - SQLAlchemy's way
    """``starrocks+mysqldb://`` (mysqlclient)."""

    supports_statement_cache = True


class StarRocksDialect_asyncmy(_StarRocks, MySQLDialect_asyncmy):  # noqa: N801 - SQLAlchemy's way
    """``starrocks+asyncmy://``, for ``create_async_engine``."""

    supports_statement_cache = True


class _UnbufferedContext(MySQLExecutionContext):
    def create_server_side_cursor(self) -> Any:
        return self._dbapi_connection.cursor(buffered=False)


class StarRocksDialect_singlestoredb(  # noqa: N801 - SQLAlchemy's way
    _StarRocks, MySQLDialect_mysqldb
):
    """``starrocks+singlestoredb://``, over the driver that ``singlestoredb`` has for StarRocks."""

    driver = "singlestoredb"
    supports_statement_cache = True
    supports_server_side_cursors = True
    execution_ctx_cls: Any = _UnbufferedContext

    @classmethod
    def import_dbapi(cls) -> Any:
        try:
            return import_module("singlestoredb")
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "starrocks+singlestoredb:// needs the SDK: "
                "pip install 'singlestoredb-starrocks[singlestoredb]'",
                name=error.name,
            ) from error

    def create_connect_args(self, url: URL, *args: Any, **kw: Any) -> Any:
        """Return the SDK's arguments, such that it behaves as SQLAlchemy expects of a DBAPI."""
        keywords: dict[str, Any] = url.translate_connect_args(username="user")
        keywords.update(
            autocommit=False,
            buffered=True,
            client_found_rows=True,
            driver=_StarRocks.name,
            interpolate_query_with_empty_args=True,  # DDL has its percent signs doubled
            parse_json=False,  # SQLAlchemy's JSON types do it
            results_type="tuples",
        )
        keywords.update(url.query)
        keywords.setdefault("port", DEFAULT_PORT)
        return [], keywords

    def on_connect(self) -> Any:
        """Leave the session as the SDK set it up."""
        return None

    def do_ping(self, dbapi_connection: Any) -> Literal[True]:
        dbapi_connection.ping(False)
        return True

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:
        interface_error = self.dbapi.InterfaceError  # type: ignore[union-attr]  # there is one
        if isinstance(e, interface_error) and e.args[0] == 0:  # used after it was lost
            return True
        return super().is_disconnect(e, connection, cursor)

    def _detect_charset(self, connection: Connection) -> str:
        return str(connection.connection.character_set_name())


dialect = StarRocksDialect
