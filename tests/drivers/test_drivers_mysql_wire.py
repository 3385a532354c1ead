"""The mysql driver against scripted servers: what a friendly server never says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb_hookspecs import StatementRequest
from singlestoredb_plugins.mysql import accelerated

from . import rogue as rogues
from .rogue import (
    CAPABILITIES,
    EOF,
    OK,
    Session,
    column,
    error,
    greeting,
    result,
    rogue,
    row,
)

INT = column("a", 3)


@pytest.fixture(autouse=True, params=[1, 0], ids=["pure", "accelerated"])
def _path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test on both paths of the driver."""
    if not request.param and accelerated.find(None) is None:
        pytest.skip("the accelerator was not built")  # tests/accel fail if it could have been
    monkeypatch.setattr(rogues, "pure_python", request.param)


def serving(**answers: list[bytes]) -> Any:
    """Return a server that answers these statements, by their first word."""

    def play(session: Session) -> None:
        session.log_in()
        session.serve({word.encode(): packets for word, packets in answers.items()})

    return rogue(play)


# -- secrets and TLS -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "option", ["ssl_ca=ca.pem", "ssl_verify_cert=1", "ssl_verify_identity=1", "ssl_cert=c.pem"]
)
def test_tls_that_was_asked_for_is_never_dropped(option: str) -> None:
    told: list[bytes] = []

    def play(session: Session) -> None:
        session.send(greeting(CAPABILITIES))
        told.append(session.receive())

    with rogue(play) as url, pytest.raises(s2.OperationalError, match="TLS was asked for") as err:
        s2.connect(f"{url}&{option}")
    assert told == [b""], "not even the user's name may be sent"
    assert err.value.errno == 2026


@pytest.mark.parametrize("plugin", [b"mysql_clear_password", b"dialog"])
def test_passwords_are_not_sent_in_clear(plugin: bytes) -> None:
    told: list[bytes] = []

    def play(session: Session) -> None:
        session.send(greeting())
        told.append(session.receive())
        session.send(b"\xfe" + plugin + b"\x00" + b"\x02Password: ")
        told.append(session.receive())

    with rogue(play) as url, pytest.raises(s2.OperationalError, match="clear text") as caught:
        s2.connect(url)
    assert not any(b"s3cret" in data for data in told)
    assert "s3cret" not in str(caught.value)
    assert caught.value.errno == 2061


def test_the_password_goes_out_scrambled() -> None:
    answers: list[bytes] = []

    def play(session: Session) -> None:
        answers.append(session.log_in())
        session.serve({})

    with rogue(play) as url, s2.connect(url, program_name="kit", conn_attrs={"x": "y"}) as conn:
        assert conn.get_server_info() == "8.0.30"
        assert conn.thread_id() == 7
    (answer,) = answers
    stage = hashlib.sha1(b"s3cret").digest()
    salted = hashlib.sha1(b"12345678123456789012" + hashlib.sha1(stage).digest()).digest()
    assert bytes(a ^ b for a, b in zip(stage, salted, strict=True)) in answer
    for text in (b"SingleStoreDB Python Client", b"program_name\x03kit", b"\x01x\x01y"):
        assert text in answer


def test_failed_logins_tell_the_servers_words_and_no_secret() -> None:
    def play(session: Session) -> None:
        session.send(greeting())
        session.receive()
        session.send(error(1045, "Access denied for user 'user'", "28000"))

    with rogue(play) as url, pytest.raises(s2.OperationalError) as caught:
        s2.connect(url)
    assert (caught.value.errno, caught.value.sqlstate) == (1045, "28000")
    assert "s3cret" not in str(caught.value)


def test_a_silent_server_is_given_up(tmp_path: Path) -> None:
    def play(session: Session) -> None:
        session.receive()

    with rogue(play) as url, pytest.raises(s2.OperationalError, match="Can't connect") as caught:
        s2.connect(f"{url}&connect_timeout=1")
    assert caught.value.errno == 2003


def test_nobody_there() -> None:
    with pytest.raises(s2.OperationalError, match=r"Can't connect .* '127\.0\.0\.1:1'"):
        s2.connect("u:s3cret@127.0.0.1:1")
    with pytest.raises(s2.OperationalError, match=r"/no/such\.sock"):
        s2.connect(unix_socket="/no/such.sock")
    with pytest.raises(s2.NotSupportedError, match="no character set named 'klingon'"):
        s2.connect("127.0.0.1:1", charset="klingon")


# -- LOAD DATA LOCAL -------------------------------------------------------------------------


def test_a_file_that_the_statement_did_not_name_stays_here(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret contents")
    named = tmp_path / "named"
    named.write_text("1\n")
    told: list[bytes] = []

    def play(session: Session) -> None:
        session.log_in()
        while True:
            command = session.receive()
            if not command:
                return
            told.append(command)
            if b"LOAD" in command or command == b"\x03SELECT 1":
                session.send(b"\xfb" + str(secret).encode())
                told.append(session.receive())
            else:
                session.send(OK)

    load = f"LOAD DATA LOCAL INFILE '{named}' INTO TABLE t"
    with rogue(play) as url:
        for sql, option in ((load, "1"), ("SELECT 1", "1"), (load, "0")):
            conn = s2.connect(f"{url}&local_infile={option}")
            with pytest.raises(s2.OperationalError, match="connection was closed"):
                conn.query(sql)
            assert not conn.open
            conn.close()
    assert not any(b"s3cret contents" in data for data in told)


def test_a_load_of_the_sdk_gives_only_the_stream_that_it_named(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret contents")
    told: list[bytes] = []
    wanted: list[bytes] = []

    def play(session: Session) -> None:
        session.log_in()
        while command := session.receive():
            if b"LOAD" in command:
                session.send(b"\xfb" + wanted[0])
                while piece := session.receive():
                    told.append(piece)
            session.send(OK)

    load = f"LOAD DATA LOCAL INFILE ':load:7' INTO TABLE t -- LOCAL INFILE '{secret}'"
    request = StatementRequest(load, infile_stream=[b"its rows"], infile_name=":load:7")
    with rogue(play) as url:
        for name in (str(secret), ":stream:", ":load:8"):
            wanted[:] = [name.encode()]
            conn = s2.connect(f"{url}&local_infile=1")
            with pytest.raises(s2.OperationalError, match="did not name"):
                conn._opened().execute(request)
            assert not conn.open
            conn.close()
        assert told == []
        wanted[:] = [b":load:7"]
        with s2.connect(url) as conn:
            conn._opened().execute(request).close()
        assert told == [b"its rows"]


@pytest.mark.parametrize(
    ("status", "said"), [(2, "had committed by itself"), (3, "none of them was kept")]
)
def test_a_failed_load_says_what_the_server_says_of_its_transaction(status: int, said: str) -> None:
    """Some servers may take a load out of the transaction that it is in."""
    statements: list[bytes] = []
    done = b"\x00\x02\x00" + bytes((status,)) + b"\x00\x00\x00"

    def play(session: Session) -> None:
        session.log_in()
        while command := session.receive():
            statements.append(command[1:])
            if b"SHOW COLUMNS" in command:
                shown = [column("Field", 253), column("Type", 253)]
                session.send(*result(shown, [row(b"a", b"int"), row(b"b", b"int")]))
            elif b"LOAD DATA" in command:
                session.send(b"\xfb" + command.split(b"'")[1])
                while session.receive():
                    pass
                session.send(done)
            else:
                session.send(done if command[1:] == b"BEGIN" else OK)

    def rows() -> Iterator[tuple[int, int]]:
        yield from [(1, 2)] * 5000
        raise RuntimeError("gone")

    with rogue(play) as url, s2.connect(url) as conn:
        with pytest.raises(s2.OperationalError, match=f"4096 rows had been sent; .*{said}"):
            conn.ingest("t", rows(), "append")
        assert statements[-1] == b"ROLLBACK"
        assert conn.open


# -- packets out of order, cut off, malformed ------------------------------------------------


def test_an_error_amid_rows_is_raised_and_the_connection_goes_on() -> None:
    packets = [
        b"\x01",
        INT,
        EOF,
        row(b"1"),
        error(1317, "Query execution was interrupted", "70100"),
    ]
    with serving(SELECT=packets) as url, s2.connect(url) as conn:
        with pytest.raises(s2.OperationalError, match="interrupted") as caught:
            conn.query("SELECT")
        assert (caught.value.errno, caught.value.sqlstate) == (1317, "70100")
        with conn.cursor("tuples", buffered=False) as cursor:
            cursor.execute("SELECT")
            assert cursor.fetchone() == (1,)
            with pytest.raises(s2.OperationalError, match="interrupted"):
                cursor.fetchone()
        assert conn.query("SET a = 1") == 0


def played(*payloads: bytes, shift: int = 0) -> Any:
    """Return a server that answers the statement ``GO`` with these packets and hangs up."""

    def play(session: Session) -> None:
        session.log_in()
        while (command := session.receive()) != b"\x03GO":
            if not command:
                return
            session.send(OK)
        session.sequence += shift
        session.send(*payloads)

    return rogue(play)


@pytest.mark.parametrize(
    ("payloads", "kind", "message"),
    [
        ((), s2.OperationalError, "Lost connection"),
        ((b"\x01", INT), s2.OperationalError, "Lost connection"),
        ((b"\x01", INT, EOF, row(b"1")), s2.OperationalError, "Lost connection"),
        ((b"",), s2.InternalError, "malformed answer"),
        ((EOF,), s2.InternalError, "malformed answer"),
        ((b"\x01", b"\x03de", EOF, EOF), s2.InternalError, "malformed"),
        ((b"\x01", INT, EOF, b"\x05ab", EOF), s2.InternalError, "announced columns"),
        ((b"\x01", INT, EOF, row(b"1", b"2"), EOF), s2.InternalError, "announced columns"),
        ((b"\x01", INT, EOF, b"", EOF), s2.InternalError, "announced columns"),
        ((b"\x01", INT, EOF, row(b"x"), EOF), s2.DataError, "column 'a' cannot be decoded"),
    ],
)
def test_what_cannot_be_an_answer(payloads: tuple[bytes, ...], kind: type, message: str) -> None:
    with played(*payloads) as url:
        conn = s2.connect(url)
        with pytest.raises(kind, match=message):
            conn.execute("GO", results_type="tuples").fetchall()
        conn.close()


def test_packets_out_of_sequence_end_the_connection() -> None:
    with played(*result([INT], [row(b"1")]), shift=1) as url:
        conn = s2.connect(url)
        with pytest.raises(s2.InternalError, match="number wrong - got 2 expected 1"):
            conn.query("GO")
        assert not conn.open
        with pytest.raises(s2.InterfaceError, match="has been closed"):
            conn.query("SELECT 1")
        conn.close()


def test_a_farewell_of_the_server_is_a_lost_connection() -> None:
    def play(session: Session) -> None:
        session.log_in()
        while session.receive() != b"\x03GO":
            session.send(OK)
        session.sequence = 0
        session.send(error(4031, "The client was disconnected by the server"))

    with rogue(play) as url:
        conn = s2.connect(url)
        with pytest.raises(s2.OperationalError) as caught:
            conn.query("GO")
        assert caught.value.errno == 2013
        conn.close()


def test_an_answer_nobody_asked_for_is_never_taken_for_the_next() -> None:
    def play(session: Session) -> None:
        session.log_in()
        while True:
            command = session.receive()
            if not command:
                return
            session.send(OK, OK) if command == b"\x03GO" else session.send(OK)

    with rogue(play) as url:
        conn = s2.connect(url)
        conn.query("GO")
        with pytest.raises(s2.InternalError, match="more than it was asked for"):
            conn.query("SELECT 1")
        assert not conn.open
        conn.close()


def test_memory_follows_what_comes_not_what_is_announced() -> None:
    import tracemalloc

    def play(session: Session) -> None:
        session.log_in()
        while session.receive() != b"\x03GO":
            session.send(OK)
        session.send(b"\x01", INT, EOF)
        session.sock.sendall(b"\xfe\xff\xff" + bytes((session.sequence,)) + b"\xfd\xf0\xff\xff")

    with rogue(play) as url:
        conn = s2.connect(url)
        tracemalloc.start()
        with pytest.raises(s2.OperationalError, match="Lost connection"):
            conn.query("GO")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2_000_000
        conn.close()


# -- SingleStore's own types -----------------------------------------------------------------

VECTORS = {
    1: (b"\x00\x00\x80\x3f\x00\x00\x00\xc0", b"[1.0,-2.0]", [1.0, -2.0]),
    3: (b"\x01\xfe", b"[1,-2]", [1, -2]),
    6: ((1).to_bytes(8, "little") + (-2).to_bytes(8, "little", signed=True), b"[1,-2]", [1, -2]),
    7: (b"\x00\x3c\x00\xc0", b"[1.0,-2.0]", [1.0, -2.0]),
}


@pytest.mark.parametrize("element", VECTORS)
@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_vectors(element: int, binary: bool) -> None:
    packed, text, expected = VECTORS[element]
    extra = b"\x02" + (2).to_bytes(4, "little") + bytes((element,))
    definition = column("v", 252, charset=63 if binary else 45, extra=extra)
    rows = [row(packed if binary else text), row(None)]
    with serving(SELECT=result([definition], rows)) as url, s2.connect(url) as conn:
        cursor = conn.execute("SELECT", results_type="tuples")
        assert cursor.description is not None
        described = cursor.description[0]
        assert (described.type_code, described.internal_size) == (
            (3000 if binary else 2000) + element,
            2,
        )
        (first,), (second,) = cursor.fetchall()
        assert list(first) == expected
        assert second is None
        frame = conn.execute("SELECT", results_type="polars").fetchall()
        assert frame["v"].to_list() == [expected, None]
        (array, null) = conn.execute("SELECT", results_type="numpy").fetchall()["v"]
        assert array.tolist() == expected
        assert null is None


def test_unknown_extensions_degrade_to_bytes() -> None:
    definition = column("v", 252, charset=63, extra=b"\x63\x01")
    with (
        serving(SELECT=result([definition], [row(b"\x00\x01")])) as url,
        s2.connect(url) as conn,
    ):
        assert conn.execute("SELECT").fetchall() == [(b"\x00\x01",)]


# -- decoding options ------------------------------------------------------------------------


def test_text_that_cannot_be_decoded() -> None:
    packets = result([INT, column("name", 253)], [row(b"1", b"caf\xe9")])
    with serving(SELECT=packets) as url:
        with s2.connect(url) as conn:
            with pytest.raises(s2.DataError, match="column 'name' cannot be decoded") as caught:
                conn.execute("SELECT").fetchall()
            assert "encoding_errors" in (caught.value.hint or "")
        with s2.connect(f"{url}&encoding_errors=backslashreplace") as conn:
            assert conn.execute("SELECT").fetchall() == [(1, "caf\\xe9")]
        with s2.connect(f"{url}&charset=latin1") as conn:
            assert conn.execute("SELECT").fetchall() == [(1, "café")]


def test_own_converters_are_laid_over_the_defaults() -> None:
    packets = result([INT, column("d", 246, length=8)], [row(b"1", b"2.50")])
    with serving(SELECT=packets) as url:
        with s2.connect(url, conv={246: float}) as conn:
            assert conn.execute("SELECT").fetchall() == [(1, 2.5)]
        with s2.connect(url, conv={246: None, 3: lambda text: f"<{text}>"}) as conn:
            assert conn.execute("SELECT").fetchall() == [("<1>", "2.50")]


def test_json_can_stay_text() -> None:
    packets = result([column("j", 245)], [row(b'{"a": [1]}')])
    with serving(SELECT=packets) as url:
        with s2.connect(url) as conn:
            assert conn.execute("SELECT").fetchall() == [({"a": [1]},)]
            assert conn.execute("SELECT", results_type="arrow").fetchall()["j"].to_pylist() == [
                '{"a": [1]}'
            ]
            assert conn.execute("SELECT", results_type="pandas").fetchall()["j"][0] == {"a": [1]}
        with s2.connect(f"{url}&parse_json=0") as conn:
            assert conn.execute("SELECT").fetchall() == [('{"a": [1]}',)]
            assert conn.execute("SELECT", results_type="pandas").fetchall()["j"][0] == '{"a": [1]}'


def test_dates_that_are_none() -> None:
    packets = result(
        [column("d", 10), column("t", 12)], [row(b"0000-00-00", b"2020-02-31 00:00:00")]
    )
    with serving(SELECT=packets) as url:
        with s2.connect(url) as conn:
            assert conn.execute("SELECT").fetchall() == [(None, "2020-02-31 00:00:00")]
            with pytest.raises(s2.DataError, match="invalid_values"):
                conn.execute("SELECT", results_type="arrow").fetchall()
        with s2.connect(url, invalid_values={12: None}) as conn:
            assert conn.execute("SELECT").fetchall() == [(None, None)]
            assert conn.execute("SELECT", results_type="arrow").fetchall()["t"].null_count == 1


def test_a_charset_that_makes_a_backslash_of_something_else_is_refused() -> None:
    with serving() as url, s2.connect(f"{url}&charset=sjis") as conn:
        assert conn.query("SET a = %s", ["表"]) == 0
        with pytest.raises(s2.DataError, match="'sjis' does not keep"):
            conn.query("SET a = %s", ["¥' OR 1=1 -- "])
