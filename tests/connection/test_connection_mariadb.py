"""Connections to a real server: accessors, procedures, sql_mode, TLS, size, loss."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from threading import Thread

import pytest

import singlestoredb as s2
from singlestoredb.testing import MariaDB


@pytest.fixture
def conn(mariadb: MariaDB) -> Iterator[s2.Connection]:
    with s2.connect(mariadb.url, local_infile=True, multi_statements=True) as conn:
        yield conn


@pytest.fixture
def table(conn: s2.Connection) -> Iterator[str]:
    """A table whose name must be quoted."""
    name = "odd `name`; drop"
    quoted = "`odd ``name``; drop`"
    conn.query(f"DROP TABLE IF EXISTS {quoted}")
    conn.query(f"CREATE TABLE {quoted} (id INT AUTO_INCREMENT PRIMARY KEY, html TEXT)")
    yield name
    conn.query(f"DROP TABLE {quoted}")


# -- accessors -------------------------------------------------------------------------------


def test_show_quotes_names(conn: s2.Connection, table: str) -> None:
    assert table in conn.show.tables().Name
    columns = conn.show.columns(table)
    assert columns.Name == ["id", "html"]
    assert columns[1]["Type"] == "text"
    assert conn.show.columns(table, full=True).columns[0] == "Name"
    assert conn.show.indexes(table).KeyName == ["PRIMARY"]
    assert "AUTO_INCREMENT" in conn.show.create_table(table)[0]["CreateTable"]


def test_show_escapes_html(conn: s2.Connection) -> None:
    conn.query("CREATE OR REPLACE TABLE shown (`<script>` INT) COMMENT '<b>'")
    try:
        html = conn.show.columns("shown")._repr_html_()
        assert "&lt;script&gt;" in html
        assert "<script>" not in html
    finally:
        conn.query("DROP TABLE shown")


def test_show_results_are_tables(conn: s2.Connection) -> None:
    conn.query("CREATE OR REPLACE TABLE shown (a INT)")
    shown = conn.show.columns("shown")
    assert str(shown).splitlines()[1].startswith("| Name ")
    assert len(shown) == 1
    assert shown[:1] == [shown[0]]
    with pytest.raises(KeyError):
        _ = shown.Nothing
    conn.query("DROP TABLE shown")
    empty = conn.show.warnings()
    assert (str(empty), empty._repr_html_(), empty.columns) == ("", "", [])


@pytest.mark.parametrize("results_type", ["tuples", "polars", "pandas", "arrow"])
def test_accessors_work_whatever_the_format(mariadb: MariaDB, results_type: str) -> None:
    with s2.connect(mariadb.url, results_type=results_type) as conn:
        assert conn.locals.autocommit is True
        assert conn.show.databases().Name


def test_variables(conn: s2.Connection) -> None:
    assert conn.globals.character_set_server
    assert conn.vars["autocommit"] is True
    conn.locals.autocommit = False
    assert conn.get_autocommit() is False
    assert conn.locals.autocommit is False
    conn.locals["autocommit"] = True
    conn.locals.net_read_timeout = 77
    assert conn.locals.net_read_timeout == "77"
    assert "autocommit" in conn.locals
    assert len(conn.locals) > 100
    with pytest.raises(KeyError, match="No variable found with the name 'no_such_thing'"):
        _ = conn.globals.no_such_thing
    with pytest.raises(ValueError, match="invalid characters"):
        conn.locals["x = 1; drop"] = 1
    with pytest.raises(TypeError):
        del conn.locals["autocommit"]


# -- statements ------------------------------------------------------------------------------


def test_procedures_with_results_and_out_parameters(conn: s2.Connection) -> None:
    conn.query("DROP PROCEDURE IF EXISTS `two sets`")
    conn.query(
        "CREATE PROCEDURE `two sets`(IN a INT, OUT b INT) "
        "BEGIN SELECT a; SELECT a + 1, a + 2; SET b = a * 10; END"
    )
    with conn.cursor("tuples") as cursor:
        assert cursor.callproc("two sets", (4, 0)) == (4, 0)
        assert cursor.fetchall() == [(4,)]
        assert cursor.nextset()
        assert cursor.fetchall() == [(5, 6)]
        assert cursor.nextset()
        assert cursor.description is None
        assert cursor.nextset() is None
        cursor.execute("SELECT @`_two sets_1`")
        assert cursor.fetchall() == [(40,)]
    conn.query("DROP PROCEDURE `two sets`")


def test_statements_that_follow_are_dropped(conn: s2.Connection) -> None:
    with conn.cursor("tuples") as cursor:
        cursor.execute("SELECT 1; SELECT 2; SELECT 3")
        conn.commit()
        assert conn.execute("SELECT 4").fetchall() == [(4,)]
        cursor.execute("SELECT 1; SELECT * FROM no_such_table")
        with pytest.raises(s2.ProgrammingError):
            cursor.nextset()
        assert conn.execute("SELECT 5").fetchall() == [(5,)]


def test_an_unfinished_stream_is_told_and_dropped(conn: s2.Connection) -> None:
    stream = conn.cursor("tuples", buffered=False)
    stream.execute("SELECT 1 UNION SELECT 2")
    with pytest.warns(UserWarning, match="left incomplete"):
        assert conn.execute("SELECT 3").fetchall() == [(3,)]
    assert stream.fetchall() == []
    stream.close()


def test_last_insert_ids_and_counts(conn: s2.Connection, table: str) -> None:
    with conn.cursor() as cursor:
        quoted = f"`{table.replace('`', '``')}`"
        cursor.execute(f"INSERT INTO {quoted} (html) VALUES ('a'), ('b')")
        assert (cursor.rowcount, cursor.lastrowid) == (2, 1)
        cursor.execute(f"UPDATE {quoted} SET html = 'a'")
        assert cursor.rowcount == 1
        cursor.execute(f"SELECT * FROM {quoted}")
        assert cursor.lastrowid is None
        cursor.execute("SELECT 1 / 0")
        assert cursor.warning_count == 1
        assert conn.show_warnings()[0][1] == 1365


def test_found_rows(mariadb: MariaDB) -> None:
    with s2.connect(mariadb.url, client_found_rows=True) as conn:
        conn.query("CREATE TEMPORARY TABLE f (a INT)")
        conn.query("INSERT INTO f VALUES (1), (1)")
        assert conn.query("UPDATE f SET a = 1") == 2


def test_literals_follow_the_sql_mode_of_the_moment(conn: s2.Connection) -> None:
    value = "back\\slash's"
    select = "SELECT %s"
    assert conn.execute(select, [value]).fetchall() == [(value,)]
    conn.query("SET sql_mode = 'NO_BACKSLASH_ESCAPES'")
    assert conn.execute(select, [value]).fetchall() == [(value,)]
    assert conn.escape(value) == "'back\\slash''s'"
    conn.query("SET sql_mode = ''")
    assert conn.execute(select, [value]).fetchall() == [(value,)]


@pytest.mark.parametrize("charset", ["latin1", "utf8mb4", "cp1250", "gbk"])
def test_character_sets(mariadb: MariaDB, charset: str) -> None:
    text = {"gbk": "中文", "cp1250": "žluť"}.get(charset, "café")
    with s2.connect(mariadb.url, charset=charset) as conn:
        assert conn.execute("SELECT %s", [text]).fetchall() == [(text,)]
        assert conn.character_set_name() == charset


def test_session_settings(mariadb: MariaDB) -> None:
    with s2.connect(
        mariadb.url,
        sql_mode="ANSI",
        init_command="SET @started = 5",
        autocommit=False,
        collation="utf8mb4_bin",
    ) as conn:
        assert conn.execute("SELECT @started, @@collation_connection").fetchall() == [
            (5, "utf8mb4_bin")
        ]
        assert "ANSI" in conn.execute("SELECT @@sql_mode").fetchall()[0][0]
        assert conn.get_autocommit() is False


# -- size ------------------------------------------------------------------------------------


def test_values_beyond_one_packet(mariadb: MariaDB) -> None:
    size = 2**24 + 10
    with s2.connect(mariadb.url) as conn:
        conn.query("SET GLOBAL max_allowed_packet = 67108864")
    with s2.connect(mariadb.url) as conn:
        ((value,),) = conn.execute("SELECT REPEAT('x', %s)", [size]).fetchall()
        assert len(value) == size
        ((length,),) = conn.execute("SELECT LENGTH(%s)", [value]).fetchall()
        assert length == size
        # Exactly one full packet: an empty one must follow it.
        exact = 2**24 - 1 - len("\x03SELECT LENGTH('')")
        assert conn.execute("SELECT LENGTH(%s)", ["y" * exact]).fetchone() == (exact,)


def test_streams_stay_small(mariadb: MariaDB) -> None:
    import tracemalloc

    sql = "SELECT seq, REPEAT('x', 100) FROM seq_1_to_200000"
    with s2.connect(mariadb.url) as conn:
        tracemalloc.start()
        with conn.cursor("tuples", buffered=False) as cursor:
            cursor.execute(sql)
            assert sum(1 for _ in cursor) == 200_000
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 12_000_000


# -- loading ---------------------------------------------------------------------------------


def test_loading_from_a_queue_in_another_thread(conn: s2.Connection) -> None:
    conn.query("CREATE OR REPLACE TABLE queued (a INT, b INT, c INT)")
    feeder: Queue[str] = Queue()
    cursor = conn.cursor()
    load = "LOAD DATA LOCAL INFILE ':stream:' INTO TABLE queued FIELDS TERMINATED BY ','"
    thread = Thread(target=cursor.execute, args=(load,), kwargs={"infile_stream": feeder})
    thread.start()
    feeder.put("1,2,3\n")
    feeder.put("4,5,6\n7,8,9\n")
    feeder.put("")
    thread.join(20)
    assert conn.execute("SELECT SUM(a), SUM(c) FROM queued").fetchall() == [(12, 18)]
    conn.query("DROP TABLE queued")


def test_a_source_that_fails_leaves_the_connection_in_order(
    conn: s2.Connection, tmp_path: Path
) -> None:
    conn.query("CREATE OR REPLACE TABLE failed (a INT)")

    def pieces() -> Iterator[str]:
        yield "1\n"
        raise RuntimeError("source is broken")

    load = "LOAD DATA LOCAL INFILE ':stream:' INTO TABLE failed"
    with pytest.raises(RuntimeError, match="source is broken"):
        conn.cursor().execute(load, infile_stream=pieces())
    with pytest.raises(s2.OperationalError, match="piece of type int"):
        conn.cursor().execute(load, infile_stream=[5])
    with pytest.raises(s2.OperationalError, match="type int is unrecognized"):
        conn.cursor().execute(load, infile_stream=5)
    with pytest.raises(s2.OperationalError, match="no stream was supplied"):
        conn.cursor().execute(load)
    quoted = tmp_path / "it's \\odd.csv"
    quoted.write_text("7\n")
    assert conn.query(f"LOAD DATA LOCAL INFILE {conn.escape(str(quoted))} INTO TABLE failed") == 1
    conn.query("DROP TABLE failed")


# -- loss ------------------------------------------------------------------------------------


def test_a_killed_connection(mariadb: MariaDB, conn: s2.Connection) -> None:
    with s2.connect(mariadb.url) as victim:
        conn.query("KILL %s", [victim.thread_id()])
        with pytest.raises(s2.OperationalError) as caught:
            victim.query("SELECT 1")
        assert caught.value.errno in (2006, 2013)
        assert not victim.open
        victim.ping()
        assert victim.execute("SELECT 1").fetchall() == [(1,)]


def test_read_timeout(mariadb: MariaDB) -> None:
    with s2.connect(mariadb.url, read_timeout=0.3, write_timeout=5) as conn:
        with pytest.raises(s2.OperationalError, match="timed out") as caught:
            conn.query("SELECT SLEEP(10)")
        assert caught.value.errno == 2013
        assert not conn.open


# -- TLS and sockets -------------------------------------------------------------------------


def test_tls_is_verified_when_asked(mariadb_tls: MariaDB, tmp_path: Path) -> None:
    url = mariadb_tls.url
    cipher = "SHOW STATUS LIKE 'Ssl_cipher'"
    with s2.connect(url) as conn:
        assert conn.execute(cipher).fetchall()[0][1], "used when it is offered"
    with s2.connect(url, ssl_disabled=True) as conn:
        assert not conn.execute(cipher).fetchall()[0][1]
    with s2.connect(url, ssl_ca=str(mariadb_tls.ssl_ca)) as conn:
        assert conn.execute(cipher).fetchall()[0][1]
    with s2.connect(url, ssl_ca=str(mariadb_tls.ssl_ca), ssl_verify_identity=True) as conn:
        assert conn.execute("SELECT REPEAT('x', 1000000)").fetchone()
    with pytest.raises(s2.OperationalError, match=r"CERTIFICATE_VERIFY_FAILED") as caught:
        s2.connect(url, ssl_verify_cert=True, retries=5)
    assert (caught.value.errno, caught.value.is_recoverable) == (2026, False)
    with pytest.raises(s2.OperationalError, match=r"(?i)hostname mismatch|not valid for"):
        s2.connect(
            url,
            ssl_ca=str(mariadb_tls.ssl_ca),
            ssl_verify_identity=True,
            tls_sni_servername="elsewhere.example",
        )


def test_tls_on_a_server_without_it(mariadb: MariaDB) -> None:
    with pytest.raises(s2.OperationalError, match="TLS was asked for"):
        s2.connect(mariadb.url, ssl_verify_cert=True)


def test_unix_sockets(mariadb: MariaDB) -> None:
    with s2.connect(
        user=mariadb.user, password=mariadb.password, unix_socket=str(mariadb.unix_socket)
    ) as conn:
        assert conn.execute("SELECT 1").fetchall() == [(1,)]
        assert conn.get_host_info() == "Localhost via UNIX socket"


def test_nothing_is_left_open(mariadb: MariaDB) -> None:
    import gc
    import os

    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    with s2.connect(mariadb.url) as conn:
        conn.execute("SELECT 1").close()
    gc.collect()
    before = descriptors()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(5):
            with s2.connect(mariadb.url) as conn, conn.cursor(buffered=False) as cursor:
                cursor.execute("SELECT 1")
    gc.collect()
    assert descriptors() == before


def test_load_data_local_that_is_switched_off_is_refused_and_nothing_is_sent(
    mariadb: MariaDB, tmp_path: Path
) -> None:
    file = tmp_path / "rows"
    file.write_text("1\n")
    with s2.connect(mariadb.url) as conn:
        conn.query("CREATE TEMPORARY TABLE not_loaded (a INT)")
        with pytest.raises(s2.OperationalError, match="switched off") as caught:
            conn.query(f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE not_loaded")
        assert caught.value.errno == 1148
        assert conn.execute("SELECT COUNT(*) FROM not_loaded").fetchall() == [(0,)]
