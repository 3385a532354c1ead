"""What a connection on a loop shares with the synchronous one, and what only it has."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.aio import AsyncConnection, AsyncCursor
from singlestoredb.classic import ClassicMembers, ErrorMembers
from singlestoredb.fusion import STRING, FusionSQLResult, SQLHandler
from singlestoredb.reading import RowsResult
from singlestoredb.testing import MariaDB, ScriptedDriver
from singlestoredb.testing.aio import on_loop
from singlestoredb_hookspecs import (
    Column,
    ConnectionParams,
    StatementCall,
    StatementEvent,
    hookimpl,
)

PURE = pytest.mark.parametrize("pure", [True, False], ids=["pure", "accelerated"])


@pytest.fixture
def driver() -> Iterator[ScriptedDriver]:
    driver = ScriptedDriver()
    driver.answer("SELECT 1", [Column("one", 3)], [(1,)])
    s2.plugins.register(driver, "drivers:scripted")
    yield driver
    s2.plugins.unregister(driver)


# -- arguments -------------------------------------------------------------------------------


def test_it_takes_the_arguments_of_connect() -> None:
    assert inspect.signature(s2.aconnect) == inspect.signature(s2.connect)


@on_loop
async def test_arguments_are_checked_as_connects(driver: ScriptedDriver) -> None:
    with pytest.raises(TypeError, match=r"aconnect\(\) got an unexpected keyword argument 'conect"):
        await s2.aconnect("scripted://", conect_timeout=3)
    anyhow: Any = s2.aconnect
    with pytest.raises(TypeError, match="two values for user"):
        await anyhow("scripted://", "me", user="you")
    with pytest.raises(TypeError, match="at most"):
        await anyhow(*["x"] * 60)
    with pytest.raises(ValueError, match="not allowed"):
        await s2.aconnect("scripted://", connect_timeout="soon")  # type: ignore[arg-type] # that is it
    with pytest.raises(s2.plugins.PluginNotFoundError):
        await s2.aconnect("nosuch://")
    async with s2.aconnect("scripted://", None, None, None, "db", results_type="dicts") as conn:
        assert conn.connection_params["database"] == "db"
        assert await (await conn.execute("SELECT 1")).fetchall() == [{"one": 1}]


def test_nothing_imports_asyncio_before_it_is_needed() -> None:
    code = (
        "import singlestoredb as s2, sys; s2.connect; s2.create_pool; "
        "from singlestoredb.kernel import get_registry; "
        "get_registry().activate('drivers', 'mysql'); "
        "assert 'asyncio' not in sys.modules; s2.aconnect; assert 'asyncio' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# -- statements on their way -----------------------------------------------------------------


class ListWords(SQLHandler):
    """LIST AIO WORDS;"""

    def run(self, params: dict[str, Any]) -> FusionSQLResult:
        out = FusionSQLResult()
        out.add_field("Word", STRING)
        with self.connection.cursor("tuples") as cursor:  # synchronous, on a worker thread
            cursor.execute("SELECT 1")
            out.set_rows([(str(cursor.fetchone()[0]),)])
        return out


@on_loop
async def test_fusion_commands_run_beside_the_loop(driver: ScriptedDriver) -> None:
    class Commands:
        @hookimpl
        def s2_fusion_handlers(self) -> list[type[SQLHandler]]:
            return [ListWords]

    plugin = Commands()
    s2.plugins.register(plugin)
    try:
        with s2.option_context("fusion.enabled", True):
            async with s2.aconnect("scripted://") as conn:
                assert await (await conn.execute("LIST AIO WORDS")).fetchall() == [("1",)]
                assert await (await conn.execute("SELECT 1")).fetchall() == [(1,)]
                await conn.commit()
    finally:
        s2.plugins.unregister(plugin)
    assert driver.statements == ["SELECT 1", "SELECT 1", "COMMIT"]


@on_loop
async def test_extensions_watch_and_answer(driver: ScriptedDriver) -> None:
    seen: list[Any] = []

    class Extension:
        @hookimpl
        def s2_statement_started(self, event: StatementEvent) -> None:
            seen.append(event.statement)

        @hookimpl
        def s2_statement_finished(self, event: StatementEvent) -> None:
            seen.append((event.rows, type(event.error)))

        @hookimpl
        def s2_execute_statement(self, call: StatementCall) -> RowsResult | None:
            if call.sql != "SELECT twice":
                return None
            with call.connection.cursor("tuples") as cursor:
                cursor.execute("SELECT 1")
                return RowsResult([Column("a", 3)], cursor.fetchall() * 2)

    extension = Extension()
    s2.plugins.register(extension)
    try:
        async with s2.aconnect("scripted://") as conn, conn.cursor("tuples") as cursor:
            await cursor.execute("SELECT twice")
            assert await cursor.fetchall() == [(1,), (1,)]
            with pytest.raises(s2.ProgrammingError):
                await cursor.execute("SELECT nothing")
    finally:
        s2.plugins.unregister(extension)
    assert "SELECT twice" in seen
    assert (2, type(None)) in seen
    assert (None, s2.ProgrammingError) in seen


@on_loop
async def test_debugging_prints_statements(
    driver: ScriptedDriver, capsys: pytest.CaptureFixture[str]
) -> None:
    with s2.option_context("debug.queries", True):
        async with s2.aconnect("scripted://") as conn:
            await conn.execute("SELECT 1")
    assert "[QUERY] SELECT 1" in capsys.readouterr().err


@on_loop
async def test_what_a_driver_opens_is_checked() -> None:
    class Half:
        @hookimpl
        def s2_open_driver(self, name: str, params: ConnectionParams) -> None:
            return None

        @hookimpl
        def s2_open_async_driver(self, name: str, params: ConnectionParams) -> Any:
            async def opened() -> object:
                return object()

            return opened()

    plugin = Half()
    s2.plugins.register(plugin, "drivers:half")
    try:
        with pytest.raises(s2.plugins.PluginContractError, match="lacks capabilities, info"):
            await s2.aconnect("half://")
    finally:
        s2.plugins.unregister(plugin)


# -- the loop --------------------------------------------------------------------------------


@PURE
@pytest.mark.parametrize("name", ["tuples", "dicts"])
@on_loop
async def test_others_have_their_turn_while_much_is_decoded(
    mariadb: MariaDB, pure: bool, name: str
) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with s2.aconnect(mariadb.url, pure_python=pure) as conn:
        cursor = conn.cursor(name, buffered=True)
        await cursor.execute("SELECT seq, CONCAT('row ', seq) FROM seq_1_to_100000")
        task = asyncio.ensure_future(other())
        await asyncio.sleep(0)
        before = turns
        assert len(await cursor.fetchall()) == 100_000
        assert turns - before >= 40
        task.cancel()
        await asyncio.wait({task})


@PURE
@on_loop
async def test_a_stream_waits_for_its_reader(mariadb: MariaDB, pure: bool) -> None:
    """What nobody has asked for stays with the system and the server."""
    async with s2.aconnect(mariadb.url, pure_python=pure) as conn:
        cursor = conn.cursor("tuples", buffered=False)
        await cursor.execute("SELECT seq, REPEAT('x', 1000) FROM seq_1_to_100000")
        await cursor.fetchmany(10)
        await asyncio.sleep(0.1)
        pending: int = conn._opened()._reader.pending  # type: ignore[attr-defined] # mysql's
        assert pending < 600_000
        count = 10
        async for _ in cursor:
            count += 1
        assert count == 100_000


@PURE
@pytest.mark.parametrize("server", ["mariadb", "mariadb_tls"])
@on_loop
async def test_large_values_both_ways(
    request: pytest.FixtureRequest, server: str, pure: bool
) -> None:
    """Packets of 16 MiB and more, and a socket that does not take them at once."""
    big = b"\xffabc" * (4 * 2**20) + b"end"  # 16 MiB + 3
    url = request.getfixturevalue(server).url
    async with s2.aconnect(
        url, pure_python=pure, max_allowed_packet=2**26, binary_prefix=True
    ) as conn:
        cursor = conn.cursor("tuples")
        await cursor.execute("SELECT LENGTH(%s)", [big])
        assert await cursor.fetchall() == [(len(big),)]
        await cursor.execute("SELECT REPEAT('abcd', 5000000), 7")
        ((text, seven),) = await cursor.fetchall()
        assert (len(text), text[-4:], seven) == (20_000_000, "abcd", 7)


@on_loop
async def test_procedures(mariadb: MariaDB) -> None:
    async with s2.aconnect(mariadb.url) as conn, conn.cursor("tuples") as cursor:
        await cursor.execute(
            "CREATE OR REPLACE PROCEDURE s2_aio_p(IN a INT, OUT b INT) "
            "BEGIN SELECT a; SELECT a + 1; SET b = a * 2; END"
        )
        assert await cursor.callproc("s2_aio_p", (20, 0)) == (20, 0)
        assert await cursor.fetchall() == [(20,)]
        assert await cursor.nextset() is True
        assert await cursor.fetchall() == [(21,)]
        assert await cursor.nextset() is True
        assert await cursor.nextset() is None
        await cursor.execute("SELECT @_s2_aio_p_1")
        assert await cursor.fetchall() == [(40,)]
        await cursor.execute("DROP PROCEDURE s2_aio_p")


@on_loop
async def test_frames(mariadb: MariaDB) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("polars")
    sql = "SELECT seq AS a FROM seq_1_to_30000"
    async with s2.aconnect(mariadb.url) as conn:
        assert (await (await conn.execute(sql)).fetch_df())["a"].sum() == 450_015_000
        assert (await (await conn.execute(sql)).fetch_polars())["a"].sum() == 450_015_000
        assert (await (await conn.execute(sql)).fetch_arrow_table()).num_rows == 30_000
        reader = await (await conn.execute(sql)).fetch_record_batch(10_000)
        assert [len(batch) for batch in reader] == [10_000] * 3
        cursor = conn.cursor("polars", buffered=False)
        await cursor.execute(sql)
        assert [len(frame) async for frame in cursor] == [10_000] * 3


@on_loop
async def test_literals_follow_the_sql_mode(mariadb: MariaDB) -> None:
    async with s2.aconnect(mariadb.url) as conn:
        assert conn.escape("a\\b") == "'a\\\\b'"
        await conn.query("SET sql_mode = 'NO_BACKSLASH_ESCAPES'")
        assert await (await conn.execute("SELECT %s", ["a\\b'"])).fetchall() == [("a\\b'",)]


@on_loop
async def test_loading_is_off_by_default(mariadb: MariaDB) -> None:
    async def pieces() -> AsyncIterator[str]:
        yield "1\n"

    async with s2.aconnect(mariadb.url) as conn:  # local_infile is off
        await conn.query("CREATE TEMPORARY TABLE t (i INT)")
        load = "LOAD DATA LOCAL INFILE ':stream:' INTO TABLE t"
        with pytest.raises(s2.OperationalError, match="LOAD DATA LOCAL is switched off"):
            await conn.execute(load, infile_stream=pieces())


def test_unclosed_connections_are_told_and_freed(mariadb: MariaDB) -> None:
    async def main() -> AsyncConnection:
        return await s2.aconnect(mariadb.url)

    held = [asyncio.run(main())]
    sock = held[0]._opened()._flow._socket  # type: ignore[attr-defined] # mysql's
    with pytest.warns(ResourceWarning, match="unclosed <singlestoredb.aio.AsyncConnection"):
        held.clear()
    assert sock.fileno() == -1


def test_names_are_those_of_the_synchronous_ones() -> None:
    def names(cls: type) -> set[str]:
        return {name for name in dir(cls) if not name.startswith("_")}

    only_sync = {
        *("show", "globals", "locals", "cluster_globals", "cluster_locals", "vars"),
        *("cluster_vars", "enable_data_api", "enable_http_api", "disable_data_api"),
        *("disable_http_api", "vector_db", "cursorclass"),
    }
    older = names(ClassicMembers)
    assert names(s2.Connection) - names(AsyncConnection) - older <= only_sync
    only_sync = {"setoutputsizes", "read_next", "default_buffered", "default_results_type"}
    assert names(s2.Cursor) - names(AsyncCursor) - names(ErrorMembers) <= only_sync


# -- loading ---------------------------------------------------------------------------------


@PURE
@on_loop
async def test_loading(mariadb: MariaDB, pure: bool) -> None:
    async with s2.aconnect(mariadb.url, pure_python=pure or None) as conn:
        data = [{"a": i, "b": f"row {i}"} for i in range(1_000)]
        assert await conn.ingest("loaded_on_loop", data, "replace") == 1_000
        async with conn.cursor() as cursor:
            assert await cursor.adbc_ingest("loaded_on_loop", [{"a": 7}], mode="append") == 1
            assert cursor.rowcount == 1
            await cursor.execute("SELECT COUNT(*), COUNT(b) FROM loaded_on_loop")
            assert await cursor.fetchall() == [(1_001, 1_000)]
        with pytest.raises(s2.ProgrammingError, match="no column named"):
            await conn.ingest("loaded_on_loop", [{"c": 7}], "append")

        started = asyncio.Event()
        loop = asyncio.get_running_loop()

        def endless() -> Iterator[dict[str, int]]:
            while True:
                loop.call_soon_threadsafe(started.set)
                yield {"a": 1}

        loading = asyncio.create_task(conn.ingest("loaded_on_loop", endless(), "append"))
        await started.wait()
        loading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await loading
        assert not conn.open
        await conn.ping()
        assert await (await conn.execute("SELECT COUNT(*) FROM loaded_on_loop")).fetchall() == [
            (1_001,)
        ]
        await conn.query("DROP TABLE loaded_on_loop")
