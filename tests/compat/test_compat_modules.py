"""Module paths and names that programs import."""

from __future__ import annotations

import queue
import subprocess
import sys
import types
import warnings
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb import mysql
from singlestoredb.mysql import charset, constants, converters, cursors
from singlestoredb.testing import MariaDB

PATHS = {
    "singlestoredb": "options get_option set_option describe_option connect apilevel threadsafety "
    "paramstyle Warning Error InterfaceError DatabaseError OperationalError IntegrityError "
    "InternalError ProgrammingError NotSupportedError DataError ManagementError manage_clusters "
    "manage_files manage_regions manage_workspaces Date Time Timestamp DateFromTicks TimeFromTicks "
    "TimestampFromTicks Binary STRING BINARY NUMBER DATETIME ROWID create_engine __version__ "
    "vector_db",
    "singlestoredb.connection": "map_paramstyle positional_paramstyle CHAR_COLUMNS under2camel "
    "nested_converter cast_bool_param build_params quote_identifier _parse_url _cast_params "
    "_name_check Driver VariableAccessor Cursor Connection ShowAccessor ShowResult InfileQueue "
    "connect apilevel paramstyle threadsafety",
    "singlestoredb.mysql": "connect Connect Connection STRING BINARY NUMBER DATE TIME TIMESTAMP "
    "DATETIME ROWID Binary DBAPISet NULL version_info get_client_info thread_safe "
    "install_as_MySQLdb DateFromTicks TimeFromTicks TimestampFromTicks Error MySQLError "
    "escape_string escape_dict escape_sequence connection cursors converters constants err",
    "singlestoredb.mysql.connection": "Connection DEFAULT_CHARSET DEFAULT_USER "
    "MAX_PACKET_LEN TEXT_TYPES",
    "singlestoredb.mysql.cursors": " ".join(cursors.__all__),
    "singlestoredb.mysql.converters": "encoders decoders conversions escape_item escape_dict "
    "escape_sequence escape_set escape_bool escape_int escape_float escape_string "
    "escape_bytes_prefixed escape_bytes escape_str escape_None escape_timedelta escape_time "
    "escape_datetime escape_date escape_struct_time Decimal2Literal through convert_bit "
    "Thing2Literal",
    "singlestoredb.mysql._auth": "scramble_native_password scramble_caching_sha2 ed25519_password",
    "singlestoredb.mysql.constants": "CLIENT COMMAND CR ER EXTENDED_TYPE FIELD_TYPE FLAG "
    "SERVER_STATUS VECTOR_TYPE",
    "singlestoredb.mysql.err": "MySQLError Error Warning ProgrammingError error_map "
    "raise_mysql_exception",
    "singlestoredb.mysql.charset": "charset_by_name charset_by_id MBLENGTH",
    "singlestoredb.mysql.optionfile": "Parser",
    "singlestoredb.mysql.protocol": "MysqlPacket FieldDescriptorPacket OKPacketWrapper "
    "EOFPacketWrapper LoadLocalPacketWrapper dump_packet",
    "singlestoredb.mysql.times": "Date Time TimeDelta Timestamp DateFromTicks",
    "singlestoredb.http": "connect apilevel paramstyle threadsafety STRING BINARY NUMBER Error",
    "singlestoredb.http.connection": "connect Connection Cursor",
    "singlestoredb.utils.config": "options get_option set_option option_context describe_option "
    "reset_option get_suboptions register_option iteroptions",
    "singlestoredb.utils.xdict": "xdict xadict",
    "singlestoredb.utils.results": "Description format_results get_schema results_to_tuple "
    "results_to_dict results_to_namedtuple results_to_numpy results_to_pandas results_to_polars "
    "results_to_arrow signed",
    "singlestoredb.utils.dtypes": "DEFAULT_VALUES get_numpy_type_map get_polars_type_map "
    "get_pyarrow_type_map",
    "singlestoredb.utils.mogrify": "mogrify should_interpolate_query",
    "singlestoredb.utils.convert_rows": "convert_row convert_rows",
    "singlestoredb.utils.events": "subscribe unsubscribe",
    "singlestoredb.utils.debug": "log_query",
    "singlestoredb.utils._lazy_import": "get_numpy get_pandas get_polars get_pyarrow",
    "singlestoredb.auth": "PASSWORD JWT BROWSER_SSO SSO_URL get_jwt JSONWebToken",
    "singlestoredb.vectorstore": "vector_db",
    "singlestoredb.pytest": "ExecutionMode execution_mode node_name singlestoredb_test_container "
    "singlestoredb_connection name_allocator singlestoredb_tempdb",
}


@pytest.mark.parametrize("path", PATHS)
def test_paths_and_names(path: str) -> None:
    module = import_module(path)
    missing = [name for name in PATHS[path].split() if not hasattr(module, name)]
    assert not missing


def test_options_are_there_whatever_is_imported_first() -> None:
    for module in ("singlestoredb.utils.config", "singlestoredb.config"):
        code = (
            f"from {module} import get_option, options as o; print(get_option('charset'), o.port)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert (done.stdout, done.stderr) == ("utf8mb4 0\n", "")


def test_faces_load_no_driver_before_they_connect() -> None:
    code = (
        "import singlestoredb.mysql, singlestoredb.http, singlestoredb.utils.results, sys; "
        "print(*(m for m in sys.modules if m.startswith('singlestoredb_plugins.')"
        " or m in ('pandas', 'numpy', 'requests', 'polars', 'pyarrow')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# -- singlestoredb.mysql ---------------------------------------------------------------------


def test_type_sets() -> None:
    sets = {
        "STRING": {247, 253, 254},
        "BINARY": {249, 250, 251, 252},
        "NUMBER": {0, 1, 3, 4, 5, 8, 9, 13},
        "DATE": {10, 14},
        "TIME": {11},
        "TIMESTAMP": {7, 12},
        "DATETIME": {7, 12},
        "ROWID": set(),
    }
    for name, codes in sets.items():
        made = getattr(mysql, name)
        assert set(made) == codes
        assert all(code == made and made == code for code in codes)
        assert made != 999
        assert hash(made) == hash(frozenset(codes))
    assert mysql.DATETIME == mysql.TIMESTAMP
    assert mysql.STRING != mysql.BINARY


def test_module_values() -> None:
    assert (mysql.apilevel, mysql.threadsafety, mysql.paramstyle) == ("2.0", 1, "pyformat")
    assert mysql.get_client_info() == s2.__version__
    assert mysql.version_info == (1, 4, 0, "final", 0)
    assert mysql.NULL == "NULL"
    assert mysql.thread_safe() is True
    assert mysql.Binary(bytearray(b"x")) == b"x"
    assert mysql.Connect is mysql.connect is mysql.Connection
    assert mysql.Error is s2.Error


@pytest.fixture
def as_mysqldb() -> Iterator[types.ModuleType]:
    before = {name: sys.modules.get(name) for name in ("MySQLdb", "_mysql")}
    mysql.install_as_MySQLdb()
    yield import_module("MySQLdb")
    for name in [n for n in sys.modules if n.partition(".")[0] in before]:
        del sys.modules[name]
    sys.modules.update({name: module for name, module in before.items() if module})


def test_installing_as_mysqldb(as_mysqldb: types.ModuleType, mariadb: MariaDB) -> None:
    field_type = import_module("MySQLdb.constants.FIELD_TYPE")
    assert field_type.VAR_STRING == 253
    assert import_module("MySQLdb.converters").conversions
    conn = as_mysqldb.connect(
        host=mariadb.host,
        port=mariadb.port,
        user=mariadb.user,
        passwd=mariadb.password,
        db=mariadb.database,
    )
    with conn, conn.cursor() as cursor:
        cursor.execute("SELECT %s", ("x",))
        assert cursor.fetchone() == ("x",)


def test_the_constructors_own_defaults(
    mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    # Neither the environment nor options are looked at.
    monkeypatch.setenv("SINGLESTOREDB_URL", "nobody:nothing@elsewhere.example/nowhere")
    monkeypatch.setenv("SINGLESTOREDB_AUTOCOMMIT", "1")
    monkeypatch.setenv("SINGLESTOREDB_CHARSET", "latin1")
    own: dict[str, Any] = {"host": mariadb.host, "port": mariadb.port, "password": mariadb.password}
    with s2.option_context(results_type="dicts"), mysql.connect(user=mariadb.user, **own) as conn:
        assert conn.get_autocommit() is False
        assert conn.charset == "utf8mb4"
        assert conn.results_type == "tuples"
        assert conn.db is None
        assert isinstance(conn, s2.connection.Connection)
        assert type(conn.cursor()) is cursors.Cursor
    with mysql.connect(user=mariadb.user, autocommit=True, **own) as conn:
        assert conn.get_autocommit() is True
    with pytest.raises(TypeError):
        mysql.connect("localhost")  # type: ignore[call-arg]
    connect: Any = mysql.connect
    for wrong in ("compress", "named_pipe"):
        with pytest.raises(NotImplementedError):
            connect(**{wrong: True})
    for seconds in (0, 31536001):
        with pytest.raises(ValueError, match="connect_timeout"):
            connect(connect_timeout=seconds)
    for wrong in ("read_timeout", "write_timeout"):
        with pytest.raises(ValueError, match="time-out"):
            connect(**{wrong: 0})
    with pytest.raises(ValueError, match="vector_data_format"):
        mysql.connect(vector_data_format="xml")
    with pytest.raises(s2.NotSupportedError, match="klingon"):
        mysql.connect(charset="klingon")
    deferred = mysql.connect(user=mariadb.user, defer_connect=True, **own)
    assert not deferred.open
    with pytest.raises(s2.InterfaceError):
        deferred.cursor().execute("SELECT 1")
    deferred.connect()
    assert deferred.open
    deferred.close()


def test_a_host_is_no_url_here() -> None:
    conn = mysql.connect(host="u:p@h:1/db?x=y", defer_connect=True)
    assert conn.host == "u:p@h:1/db?x=y"
    assert conn.port == 3306
    assert mysql.connect(defer_connect=True).host == "localhost"


# -- cursor classes --------------------------------------------------------------------------

FORMATS = {
    "": "tuples",
    "Dict": "dicts",
    "Namedtuple": "namedtuples",
    "Numpy": "numpy",
    "Arrow": "arrow",
    "Pandas": "pandas",
    "Polars": "polars",
}


@pytest.mark.parametrize("prefix", ["", "SS"])
@pytest.mark.parametrize("kind", FORMATS)
def test_cursor_classes(conn: s2.Connection, kind: str, prefix: str) -> None:
    cls = getattr(cursors, f"{prefix}{kind}Cursor")
    assert getattr(cursors, f"{prefix}{kind}CursorSV") is cls
    with conn.cursor(cls) as cursor:
        assert type(cursor) is cls
        rows = cursor.execute("SELECT 1 AS a UNION ALL SELECT 2")
        assert rows == -1 if prefix and conn.driver == "mysql" else rows in (-1, 2)
        assert cursor._buffered is not bool(prefix)
        found = cursor.fetchall()
    with conn.cursor(FORMATS[kind]) as other:
        other.execute("SELECT 1 AS a UNION ALL SELECT 2")
        assert str(found) == str(other.fetchall())


def test_a_class_for_the_connection(url: str) -> None:
    class Mine(cursors.DictCursor):
        def __init__(self, connection: Any) -> None:
            super().__init__(connection)
            self.ran: list[str] = []

        def execute(self, query: str, args: Any = None, infile_stream: Any = None) -> int:
            self.ran.append(query)
            return super().execute(query, args, infile_stream)

    with s2.connect(url, cursorclass=Mine) as conn:
        assert conn.cursorclass is Mine
        with conn.cursor() as cursor:
            assert isinstance(cursor, Mine)
            cursor.execute("SELECT 1 AS a")
            assert cursor.fetchall() == [{"a": 1}]
            assert cursor.ran == ["SELECT 1 AS a"]
        assert conn.show_warnings() == []


# -- constants, converters, character sets ---------------------------------------------------


def test_constants() -> None:
    def of(path: str) -> Any:
        return import_module(f"singlestoredb.mysql.constants.{path}")

    assert len([n for n in vars(of("ER")) if n.isupper()]) >= 470
    assert (of("ER").PARSE_ERROR, of("ER").DUP_ENTRY, of("ER").CONSTRAINT_FAILED) == (
        1064,
        1062,
        4025,
    )
    assert (of("CR").CR_UNKNOWN_ERROR, of("CR").CR_SERVER_LOST) == (2000, 2013)
    assert of("FLAG").UNSIGNED == 32
    status = of("SERVER_STATUS")
    assert status.SERVER_STATUS_IN_TRANS == 1
    assert status.SERVER_STATUS_AUTOCOMMIT == 2
    assert status.SERVER_MORE_RESULTS_EXISTS == 8
    assert status.SERVER_STATUS_NO_BACKSLASH_ESCAPES == 512
    types_ = of("FIELD_TYPE")
    assert (types_.CHAR, types_.BOOL, types_.INTERVAL) == (1, 1, 247)
    assert (types_.BSON, types_.FLOAT16_VECTOR_JSON, types_.FLOAT32_VECTOR) == (1001, 2007, 3001)
    command = of("COMMAND")
    assert (command.COM_QUIT, command.COM_INIT_DB, command.COM_QUERY) == (1, 2, 3)
    assert (command.COM_PROCESS_KILL, command.COM_PING) == (12, 14)
    client = of("CLIENT")
    flags = client.CAPABILITIES | client.CONNECT_WITH_DB | client.SSL
    assert flags == 0x3AAA0D
    assert (client.LOCAL_FILES, client.MULTI_STATEMENTS, client.FOUND_ROWS) == (128, 1 << 16, 2)
    assert constants.CLIENT is client


def test_error_packets() -> None:
    from singlestoredb.mysql import err

    assert err.error_map[1062] is s2.IntegrityError
    assert all(issubclass(kind, s2.DatabaseError) for kind in err.error_map.values())
    for number, kind in ((1062, s2.IntegrityError), (999, s2.InternalError)):
        packet = b"\xff" + number.to_bytes(2, "little") + b"#23000words"
        with pytest.raises(kind, match="words") as caught:
            err.raise_mysql_exception(packet)
        assert (caught.value.errno, caught.value.sqlstate) == (number, "23000")


def test_mixins() -> None:
    class Mine(cursors.DictCursorMixin, cursors.Cursor[Any, Any]):
        pass

    with s2.connect("embedded://") as conn, conn.cursor(Mine) as cursor:
        cursor.execute("SELECT 1 AS a")
        assert cursor.fetchone() == {"a": 1}


def test_converters_by_their_old_names() -> None:
    from datetime import date, datetime, time, timedelta
    from decimal import Decimal

    for name, value, literal in (
        ("escape_bool", True, "1"),
        ("escape_int", 7, "7"),
        ("escape_float", 1.5, "1.5e0"),
        ("escape_str", "it's", "'it\\'s'"),
        ("escape_string", "it's", "it\\'s"),
        ("escape_bytes", b"\x01", "X'01'"),
        ("escape_bytes_prefixed", b"\x01", "_binary X'01'"),
        ("escape_None", None, "NULL"),
        ("escape_timedelta", timedelta(seconds=-1), "'-00:00:01'"),
        ("escape_time", time(1, 2, 3), "'01:02:03'"),
        ("escape_datetime", datetime(2020, 1, 2, 3, 4, 5, 6), "'2020-01-02 03:04:05.000006'"),
        ("escape_date", date(2020, 1, 2), "'2020-01-02'"),
        ("Decimal2Literal", Decimal("1E+5"), "100000"),
        ("Thing2Literal", 1, "1"),
    ):
        assert getattr(converters, name)(value, converters.encoders) == literal
        assert getattr(converters, name)(value) == literal
    assert converters.escape_item([1, "a"], "utf8", converters.encoders) == "(1,'a')"
    assert converters.escape_sequence([1, 2], "utf8", converters.encoders) == "(1,2)"
    assert converters.escape_set([1, 2]) == "1,2"
    assert converters.escape_dict({"a": "b"}, "utf8") == {"a": "'b'"}
    assert converters.through(5) == 5
    assert converters.convert_bit(b"\x01") == b"\x01"
    assert converters.conversions[246]("1.50") == Decimal("1.50")
    assert converters.conversions[str]("a", converters.encoders) == "'a'"


def test_character_sets() -> None:
    ids = {
        "big5": 1, "dec8": 3, "cp850": 4, "hp8": 6, "koi8r": 7, "latin1": 8, "latin2": 9,
        "swe7": 10, "ascii": 11, "ujis": 12, "sjis": 13, "hebrew": 16, "tis620": 18, "euckr": 19,
        "koi8u": 22,
        "gb2312": 24, "greek": 25, "cp1250": 26, "gbk": 28, "latin5": 30, "armscii8": 32,
        "cp866": 36, "keybcs2": 37, "macce": 38, "macroman": 39, "cp852": 40, "latin7": 41,
        "utf8mb4": 45, "cp1251": 51, "cp1256": 57, "cp1257": 59, "binary": 63, "geostd8": 92,
        "cp932": 95, "eucjpms": 97,
    }  # fmt: skip
    for name, number in ids.items():
        assert charset.charset_by_name(name).id == number
    assert charset.charset_by_name("klingon") is None
    assert charset.charset_by_id(63).is_binary
    assert charset.charset_by_id(255).collation == "utf8mb4_0900_ai_ci"
    with pytest.raises(KeyError):
        charset.charset_by_id(99999)
    for name, codec in (
        ("utf8mb4", "utf8"),
        ("latin1", "cp1252"),
        ("koi8r", "koi8_r"),
        ("koi8u", "koi8_u"),
        ("gbk", "gbk"),
    ):
        assert charset.charset_by_name(name).encoding == codec


# -- singlestoredb.http ----------------------------------------------------------------------


def test_http_by_its_module(embedded_server: Any) -> None:
    from singlestoredb import http

    with http.connect(embedded_server.http_url) as conn:
        assert conn.driver == "http"
        assert conn.execute("SELECT 1").fetchall() == [(1,)]
    where = f"127.0.0.1:{embedded_server.http_port}/main"
    user, password = embedded_server.user, embedded_server.password
    with http.connect(where, user=user, password=password) as conn:
        assert conn.execute("SELECT 1").fetchall() == [(1,)]
    with pytest.raises(ValueError, match="not over HTTP"):
        http.connect("mysql://h")


# -- singlestoredb.utils ---------------------------------------------------------------------


def test_results_without_a_connection() -> None:
    from singlestoredb.utils import results

    desc = [
        results.Description("a", 3, None, 11, 11, 0, False, 0, 63),
        results.Description("b", 253, None, 20, 20, 0, True, 0, 45),
    ]
    rows = [(1, "x"), (2, None)]
    assert results.format_results("tuples", desc, rows) == rows
    assert results.results_to_tuple(desc, rows[0], single=True) == rows[0]
    assert results.results_to_dict(desc, rows) == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
    assert results.results_to_dict(desc, rows[0], single=True) == {"a": 1, "b": "x"}
    assert results.results_to_namedtuple(desc, rows)[1].a == 2
    assert results.results_to_numpy(desc, rows)["a"].tolist() == [1, 2]
    assert list(results.results_to_pandas(desc, rows)["a"]) == [1, 2]
    assert results.results_to_polars(desc, rows).rows() == rows
    assert results.results_to_arrow(desc, rows).to_pydict() == {"a": [1, 2], "b": ["x", None]}
    assert len(results.results_to_pandas(desc, rows[0], single=True)) == 1
    empty: Any
    for empty in ([], (), None):
        assert results.format_results("pandas", desc, empty) is empty
    assert results.get_schema("numpy", desc) == [("a", "<i4"), ("b", "|O")]
    assert results.get_schema("pandas", desc) == [("a", "<i4"), ("b", "|O")]
    assert {k: str(v) for k, v in results.get_schema("polars", desc).items()} == {
        "a": "Int32",
        "b": "String",
    }
    assert results.get_schema("pyarrow", desc).names == ["a", "b"]
    assert results.get_schema("tuples", desc) == {}


def test_signed_type_codes() -> None:
    from singlestoredb.utils.results import Description, signed

    def code(type_code: int, flags: int = 0, charset: int = 45) -> int:
        return signed(Description("x", type_code, None, None, None, None, True, flags, charset))

    assert [code(c, 32) for c in (1, 2, 3, 8, 9)] == [-1, -2, -3, -8, -9]
    assert [code(c) for c in (1, 2, 3, 8, 9)] == [1, 2, 3, 8, 9]
    assert [code(c, charset=63) for c in (15, 249, 254, 252)] == [-15, -249, -254, -252]
    assert code(252) == 252
    assert code(246, 32, 63) == 246


def test_a_missing_library_is_told_and_rows_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    from singlestoredb.utils import results

    desc = [results.Description("a", 3, None, 11, 11, 0, False, 0, 63)]
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "polars", None)
        with pytest.warns(RuntimeWarning, match="polars is not available"):
            assert results.results_to_polars(desc, [(1,)]) == [(1,)]


def test_converting_rows() -> None:
    from singlestoredb.utils.convert_rows import convert_row, convert_rows

    steps: Any = [(0, None, int), (1, "utf-8", None), (2, "ascii", float)]
    assert convert_row((b"1", b"x", b"1.5", 4), steps) == (1, "x", 1.5, 4)
    assert convert_rows([(1, b"x", b"1.5")], steps) == [(1, "x", 1.5)]


# -- the connection module's names -----------------------------------------------------------


def test_names_that_sibling_layers_use() -> None:
    from singlestoredb import connection

    assert connection.map_paramstyle == "pyformat"
    assert connection.positional_paramstyle == "format"
    assert set(connection.CHAR_COLUMNS) == {245, *range(247, 256)}
    assert connection.quote_identifier("a`b") == "`a``b`"
    assert connection.nested_converter(str, int)("07") == "7"
    assert connection._name_check(" a_b ") == "a_b"
    assert connection.Driver("mysql").name == "mysql"
    assert connection.InfileQueue is queue.Queue
    for name, camel in (
        ("Non_unique", "NonUnique"),
        ("my_json", "MyJSON"),
        ("foo_sql_bar", "FooSQLBar"),
        ("Tables_in_t1", "TablesInT1"),
        ("Key name", "Keyname"),
    ):
        assert connection.under2camel(name) == camel


# -- SQLAlchemy, vectors ---------------------------------------------------------------------


def test_create_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="one positional"):
        s2.create_engine("a", "b")
    try:
        import sqlalchemy_singlestoredb  # type: ignore[import-not-found] # noqa: F401
    except ImportError:
        with pytest.raises(RuntimeError, match="pip install sqlalchemy-singlestoredb"):
            s2.create_engine("h")
        sys.modules.pop("singlestoredb.alchemy", None)
        with pytest.warns(RuntimeWarning, match="needs its dialect"):
            import_module("singlestoredb.alchemy")


def test_the_engines_url() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        from singlestoredb.alchemy import _connect_arguments, _url_and_arguments

    url, arguments = _url_and_arguments(
        {"host": "u@h:1/d b", "password": "p/@:%", "results_type": "dicts"}
    )
    assert url == "singlestoredb+mysql://u:p%2F%40%3A%25@h:1/d%20b"
    assert arguments["results_type"] == "dicts"
    assert not arguments.keys() & {"host", "user", "password", "port", "database", "driver"}
    assert _url_and_arguments({"host": "http://h"})[0] == "singlestoredb+http://h:80"
    assert _url_and_arguments({})[0] == "singlestoredb+mysql://127.0.0.1:3306"
    assert _url_and_arguments({"host": "::1"})[0] == "singlestoredb+mysql://[::1]:3306"
    assert {"host", "conv", "read_timeout", "cursorclass"} <= _connect_arguments()


def test_an_engine_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        from singlestoredb import alchemy
    asked: dict[str, Any] = {}

    def create_engine(url: str, **kwargs: Any) -> str:
        asked.update(kwargs, url=url)
        return "engine"

    monkeypatch.setattr(sqlalchemy, "create_engine", create_engine)
    monkeypatch.setattr(alchemy, "_HAS_DIALECT", True)
    assert s2.create_engine("u:p@h/db", echo=True, autocommit=False) == "engine"
    assert asked["url"] == "singlestoredb+mysql://u:p@h:3306/db"
    assert asked["echo"] is True
    assert asked["connect_args"]["autocommit"] is False


def test_an_engine_on_a_server(mariadb: MariaDB) -> None:
    reason = "not run: sqlalchemy-singlestoredb is not installed"
    pytest.importorskip("sqlalchemy_singlestoredb", reason=reason)
    import sqlalchemy as sa

    engine = s2.create_engine(mariadb.url, local_infile=False)
    metadata = sa.MetaData()
    table = sa.Table(
        "alchemised",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(20)),
    )
    metadata.create_all(engine)
    with engine.begin() as begun:
        begun.execute(table.insert(), [{"name": "it's"}, {"name": None}])
    with engine.connect() as opened:
        assert [tuple(row) for row in opened.execute(sa.select(table))] == [
            (1, "it's"),
            (2, None),
        ]
    assert [c["name"] for c in sa.inspect(engine).get_columns("alchemised")] == ["id", "name"]
    metadata.drop_all(engine)
    engine.dispose()


def test_the_vector_database(monkeypatch: pytest.MonkeyPatch) -> None:
    # The package is not a dependency of the tests: what matters is what it is given.
    package = types.ModuleType("vectorstore")

    class VectorDB:
        def __init__(self, **kwargs: Any) -> None:
            self.given = kwargs

    package.__dict__.update(VectorDB=VectorDB, Metric="metric")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "vectorstore", None)
        with pytest.raises(ModuleNotFoundError, match="pip install singlestore-vectorstore"):
            s2.vector_db("h")
        with s2.connect("embedded://") as conn, pytest.raises(ModuleNotFoundError, match="pip"):
            _ = conn.vector_db
        assert not hasattr(s2, "Metric")
    monkeypatch.setitem(sys.modules, "vectorstore", package)
    assert s2.Metric == "metric"
    made = s2.vector_db("h", user="u", results_type="dicts")
    assert made.given == {
        "host": "h",
        "user": "u",
        "results_type": "dicts",
        "pool_size": 5,
        "max_overflow": 10,
        "timeout": 30,
    }
    with s2.connect("embedded://") as conn:
        assert conn.vector_db.given == {"connection": conn}
        assert conn.vector_db is conn.vector_db
