"""The local server's protocol, packet by packet: what well-behaved clients never show."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any

import pymysql
import pytest

from singlestoredb_embedded.server import EmbeddedServer

NATIVE, SHA2 = "mysql_native_password", "caching_sha2_password"
SSL, MULTI_STATEMENTS = 1 << 11, 1 << 16
FLAGS = 1 | 4 | 8 | 1 << 9 | 1 << 13 | 1 << 15 | 1 << 17 | 1 << 19
USERS = {"ann": "pa55 '@:/%?", "bob": "", "root": "other"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.timezone.utc)
    built = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("tls")
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert_file, key_file


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer(users=USERS) as server:
        yield server


@pytest.fixture(scope="module")
def tls_server(certificate: tuple[Path, Path]) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(users=USERS, tls=certificate, auth_plugin=SHA2) as server:
        yield server


def connect(server: EmbeddedServer, user: str = "ann", **kwargs: Any) -> Any:
    return pymysql.connect(
        host=server.host, port=server.mysql_port, user=user,
        **{"password": USERS.get(user, ""), "database": "main", "autocommit": True, **kwargs},
    )  # fmt: skip


def scramble(method: str, password: str, nonce: bytes) -> bytes:
    """What a client answers to a nonce."""
    data = password.encode()
    if method == NATIVE:
        proof = sha1(data).digest()
        mask = sha1(nonce + sha1(proof).digest()).digest()
    else:
        proof = sha256(data).digest()
        mask = sha256(sha256(proof).digest() + nonce).digest()
    return bytes(a ^ b for a, b in zip(proof, mask, strict=True))


class Client:
    """A client that says what it is told to."""

    def __init__(self, server: EmbeddedServer) -> None:
        self.sock = socket.create_connection((server.host, server.mysql_port), timeout=20)
        self.sequence = 0
        greeting = self.receive()
        version_end = greeting.index(b"\0")
        at = version_end + 5
        self.number = struct.unpack_from("<I", greeting, version_end + 1)[0]
        self.nonce = greeting[at : at + 8] + greeting[at + 27 : at + 39]
        self.flags = int.from_bytes(
            greeting[at + 9 : at + 11] + greeting[at + 14 : at + 16], "little"
        )
        self.method = greeting[at + 40 :].rstrip(b"\0").decode()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.sock.close()

    def send(self, payload: bytes, sequence: int | None = None) -> None:
        number = self.sequence if sequence is None else sequence
        self.sock.sendall(len(payload).to_bytes(3, "little") + bytes((number,)) + payload)
        self.sequence = (number + 1) & 255

    def receive(self) -> bytes:
        """The next payload; empty when the server has hung up."""
        header = self._exactly(4)
        if not header:
            return b""
        assert header[3] == self.sequence
        self.sequence = (self.sequence + 1) & 255
        return self._exactly(int.from_bytes(header[:3], "little"))

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            try:
                part = self.sock.recv(count - len(data))
            except ConnectionResetError:
                return b""
            if not part:
                return b""
            data += part
        return data

    def answer(
        self, user: str = "ann", proof: bytes | None = None, *, flags: int = FLAGS,
        method: str | None = None,
    ) -> bytes:  # fmt: skip
        """Answer the greeting; return what the server says to it."""
        name = self.method if method is None else method
        if proof is None:
            proof = scramble(name, USERS[user], self.nonce)
        self.send(
            struct.pack("<IIB23x", flags, 1 << 24, 45) + user.encode() + b"\0"
            + bytes((len(proof),)) + proof + b"main\0" + name.encode() + b"\0"
        )  # fmt: skip
        return self.receive()

    def command(self, payload: bytes) -> bytes:
        self.sequence = 0
        self.send(payload)
        return self.receive()

    def query(self, sql: str) -> list[bytes]:
        """Run a query; return its row packets."""
        count = self.command(b"\x03" + sql.encode())
        assert count[0] not in (0, 255), count
        return self.rows(count[0])

    def rows(self, columns: int) -> list[bytes]:
        for _ in range(columns + 1):  # ... and EOF
            self.receive()
        rows: list[bytes] = []
        while True:
            packet = self.receive()
            if packet[:1] == b"\xfe" and len(packet) < 9:
                return rows
            assert packet[:1] != b"\xff", packet
            rows.append(packet)


def is_error(packet: bytes, errno: int, sqlstate: str) -> bool:
    return packet[:9] == b"\xff" + struct.pack("<H", errno) + b"#" + sqlstate.encode()


# -- logging in ------------------------------------------------------------------------------


def test_a_failed_login_ends_the_session(server: EmbeddedServer) -> None:
    answers = []
    for user, proof in (
        ("ann", b"x" * 20),
        ("ann", b""),
        ("ann", b"short"),
        ("nobody", b"x" * 20),
        ("nobody", b""),
        ("", b""),
        ("bob", b"x" * 20),
    ):
        with Client(server) as client:
            answer = client.answer(user, proof)
            assert is_error(answer, 1045, "28000"), (user, proof, answer)
            answers.append(answer.replace(user.encode(), b"") if user else answer)
            try:
                client.sequence = 0
                client.send(b"\x03SELECT 1")
                assert client.receive() == b""
            except (BrokenPipeError, ConnectionResetError):
                pass
    # Unknown users and wrong passwords look the same.
    assert answers[0] == answers[3]
    assert answers[1] == answers[4]


def test_each_user_has_a_password(server: EmbeddedServer) -> None:
    for user in USERS:
        with connect(server, user) as conn, conn.cursor() as cursor:
            cursor.execute("SELECT CURRENT_USER()")
            assert cursor.fetchone()[0].startswith(user)
    with pytest.raises(pymysql.err.OperationalError) as caught:
        connect(server, "ann", password="secret")
    assert caught.value.args == (
        1045, "Access denied for user 'ann'@'localhost' (using password: YES)",
    )  # fmt: skip


@pytest.mark.parametrize("method", [NATIVE, SHA2])
def test_the_client_may_choose_the_method(server: EmbeddedServer, method: str) -> None:
    with Client(server) as client:
        assert client.method == NATIVE
        answer = client.answer(method=method)
        if method == SHA2:
            assert answer == b"\x01\x03"  # the fast way
            answer = client.receive()
        assert answer[:1] == b"\0"
        assert client.query("SELECT 1") == [b"\x011"]


def test_a_method_of_its_own_is_switched(server: EmbeddedServer) -> None:
    with Client(server) as client:
        request = client.answer(proof=b"mystery", method="dialog")
        assert request[:1] == b"\xfe"
        method, _, nonce = request[1:].partition(b"\0")
        assert method == NATIVE.encode()
        assert nonce[:-1] != client.nonce
        client.send(scramble(NATIVE, USERS["ann"], nonce[:-1]))
        assert client.receive()[:1] == b"\0"


@pytest.mark.parametrize(
    "garbage",
    [b"", b"GET / HTTP/1.1\r\n\r\n", b"\0" * 32, b"\xff" * 200, b"\x16\x03\x01" * 30],
    ids=["empty", "http", "zeros", "ones", "tls"],
)
def test_garbage_for_a_handshake(server: EmbeddedServer, garbage: bytes) -> None:
    with Client(server) as client:
        client.send(garbage)
        answer = client.receive()
        assert answer == b"" or answer[:1] in (b"\xff", b"\xfe")
        if answer[:1] == b"\xfe":  # it could be read: the answer to the switch cannot
            client.send(garbage)
            assert is_error(client.receive(), 1045, "28000")
        assert client.receive() == b""
    with socket.create_connection((server.host, server.mysql_port)) as sock:
        sock.sendall(garbage + b"\xff\xff\xff\x01" + b"x" * 100)
    with connect(server) as conn:
        conn.ping()


def test_nobody_sends_much_before_login(server: EmbeddedServer) -> None:
    with Client(server) as client:
        client.send(b"\x05" * 70_000)
        answer = client.receive()
        assert answer == b"" or is_error(answer, 1153, "08S01")
        assert client.receive() == b""


def test_change_user(server: EmbeddedServer) -> None:
    def change(user: str, proof: bytes) -> bytes:
        return (
            b"\x11" + user.encode() + b"\0" + bytes((len(proof),)) + proof + b"main\0"
            + struct.pack("<H", 45) + NATIVE.encode() + b"\0"
        )  # fmt: skip

    with Client(server) as client:
        assert client.answer()[:1] == b"\0"
        client.command(b"\x03SET @x = 1")
        proof = scramble(NATIVE, USERS["root"], client.nonce)
        assert client.command(change("root", proof))[:1] == b"\0"
        (row,) = client.query("SELECT CURRENT_USER(), @x, CONNECTION_ID()")
        assert row[1:5] == b"root"
        assert row.endswith(b"\xfb" + bytes((len(str(client.number)),)) + b"%d" % client.number)
        assert is_error(client.command(change("ann", b"x" * 20)), 1045, "28000")
        assert client.receive() == b""


# -- TLS -------------------------------------------------------------------------------------


def test_tls(tls_server: EmbeddedServer, certificate: tuple[Path, Path]) -> None:
    context = ssl.create_default_context(cafile=certificate[0])
    context.check_hostname = False
    for user in ("ann", "bob"):
        with connect(tls_server, user, ssl=context) as conn, conn.cursor() as cursor:
            assert conn._sock.cipher()
            cursor.execute("SELECT REPEAT('x', 3000000)")
            assert cursor.fetchone() == ("x" * 3000000,)
    with pytest.raises(pymysql.err.OperationalError) as caught:
        connect(tls_server, "ann", password="wrong", ssl=context)
    assert caught.value.args[0] == 1045


@pytest.mark.parametrize("password", ["pa55 '@:/%?", "wrong"])
def test_full_authentication_over_tls(tls_server: EmbeddedServer, password: str) -> None:
    with Client(tls_server) as client:
        assert client.flags & SSL
        client.send(struct.pack("<IIB23x", FLAGS | SSL, 1 << 24, 45))
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client.sock = context.wrap_socket(client.sock)
        assert client.answer("ann", b"?" * 32, flags=FLAGS | SSL) == b"\x01\x04"
        client.send(password.encode() + b"\0")
        answer = client.receive()
        if password == USERS["ann"]:
            assert answer[:1] == b"\0"
            assert client.query("SELECT 1") == [b"\x011"]
        else:
            assert is_error(answer, 1045, "28000")
            assert client.receive() == b""


def test_no_password_is_asked_for_in_clear_text(tls_server: EmbeddedServer) -> None:
    with Client(tls_server) as client:
        assert is_error(client.answer("ann", b"?" * 32), 1045, "28000")


def test_no_tls_without_a_certificate(server: EmbeddedServer) -> None:
    with Client(server) as client:
        assert not client.flags & SSL
        client.send(struct.pack("<IIB23x", FLAGS | SSL, 1 << 24, 45))
        assert is_error(client.receive(), 1043, "08S01")
        assert client.receive() == b""


# -- commands --------------------------------------------------------------------------------


@pytest.fixture
def client(server: EmbeddedServer) -> Iterator[Client]:
    with Client(server) as client:
        assert client.answer()[:1] == b"\0"
        yield client


def test_sequence_numbers_are_checked(client: Client) -> None:
    client.send(b"\x03SELECT 1", sequence=5)
    client.sequence = 1
    header = client._exactly(4)
    assert is_error(client._exactly(int.from_bytes(header[:3], "little")), 1156, "08S01")
    assert client._exactly(1) == b""


def test_small_commands(client: Client) -> None:
    assert client.command(b"\x0e")[:1] == b"\0"  # PING
    assert client.command(b"\x09").startswith(b"Uptime: ")  # STATISTICS
    assert client.command(b"\x02main")[:1] == b"\0"  # INIT_DB
    assert is_error(client.command(b"\x02nowhere"), 1049, "42000")
    assert is_error(client.command(b"\x04t\0"), 1235, "42000")  # FIELD_LIST
    assert is_error(client.command(b"\x63"), 1047, "08S01")
    assert is_error(client.command(b""), 1047, "08S01")
    assert is_error(client.command(b"\x0c\xff\xff\xff\x7f"), 1094, "HY000")  # PROCESS_KILL
    assert is_error(client.command(b"\x03SELECT 1; SELECT 2"), 1064, "42000")
    assert client.command(b"\x1b\0\0")[:1] == b"\xfe"  # SET_OPTION: several statements
    assert client.command(b"\x03SET @a = 1; SET @a = 2")[:1] == b"\0"
    assert client.receive()[:1] == b"\0"
    client.command(b"\x03SET @a = 1")
    assert client.command(b"\x1f")[:1] == b"\0"  # RESET_CONNECTION
    assert client.query("SELECT @a, DATABASE()") == [b"\xfb\x04main"]
    client.sequence = 0
    client.send(b"\x01")  # QUIT
    assert client.receive() == b""


def test_character_sets(client: Client) -> None:
    for name in ("utf8mb4", "'utf8'", "utf8mb4 COLLATE utf8mb4_bin", "DEFAULT"):
        assert client.command(b"\x03SET NAMES " + name.encode())[:1] == b"\0"
    assert is_error(client.command(b"\x03SET NAMES latin1"), 1235, "42000")
    assert is_error(client.command(b"\x03SET CHARACTER SET 'cp1250'"), 1235, "42000")
    assert client.query("SELECT _binary'\u00e9'") == [b"\x02\xc3\xa9"]
    assert client.command(b"\x03SELECT _binary'\xff\xe9'") == b"\x01"
    assert client.rows(1) == [b"\x02\xff\xe9"]
    # Text that is not UTF-8 is an error, not something else.
    assert client.command(b"\x03SELECT 'caf\xe9'")[:1] == b"\xff"


def test_binary_values_as_the_protocol_has_them(client: Client) -> None:
    answer = client.command(
        b"\x16SELECT CAST('-838:59:58.000001' AS TIME(6)), CAST('00:00:00' AS TIME), "
        b"CAST('2024-02-29' AS DATE), CAST('2024-02-29 01:02:03.000004' AS DATETIME(6)), "
        b"CAST('2024-02-29' AS DATETIME), NULL, CAST(-2 AS SIGNED), 'x', 1.50"
    )
    number, columns, parameters = struct.unpack_from("<IHH", answer, 1)
    assert (columns, parameters) == (9, 0)
    for _ in range(columns + 1):
        client.receive()
    assert client.command(b"\x17" + struct.pack("<IBI", number, 0, 1)) == bytes((columns,))
    (row,) = client.rows(columns)
    assert row == (
        b"\0" + bytes((1 << 7, 0))
        + b"\x0c" + struct.pack("<BIBBBI", 1, 34, 22, 59, 58, 1)
        + b"\0"
        + b"\x04" + struct.pack("<HBB", 2024, 2, 29)
        + b"\x0b" + struct.pack("<HBBBBBI", 2024, 2, 29, 1, 2, 3, 4)
        + b"\x04" + struct.pack("<HBB", 2024, 2, 29)
        + struct.pack("<q", -2)
        + b"\x01x"
        + b"\x041.50"
    )  # fmt: skip


def test_prepared_statements_are_kept_apart(client: Client) -> None:
    def prepare(sql: str) -> int:
        answer = client.command(b"\x16" + sql.encode())
        number, columns, parameters = struct.unpack_from("<IHH", answer, 1)
        for _ in range(bool(parameters) + parameters + columns + bool(columns)):
            client.receive()
        return int(number)

    first, second = prepare("SELECT ?"), prepare("SELECT CONCAT(?, '?')")
    head = struct.pack("<BI", 0, 1)
    # A parameter in two pieces; RESET forgets it.
    for piece in (b"ab", b"c'\\"):
        client.sequence = 0
        client.send(b"\x18" + struct.pack("<IH", second, 0) + piece)
    values = b"\0\x01" + struct.pack("<H", 253)
    run = b"\x17" + struct.pack("<I", second) + head + values
    assert client.command(run) == b"\x01"
    assert client.rows(1) == [b"\0\0\x06abc'\\?"]
    client.sequence = 0
    client.send(b"\x18" + struct.pack("<IH", second, 0) + b"zz")
    assert client.command(b"\x1a" + struct.pack("<I", second))[:1] == b"\0"
    assert client.command(run + b"\x01y") == b"\x01"
    assert client.rows(1) == [b"\0\0\x02y?"]
    client.sequence = 0
    client.send(b"\x19" + struct.pack("<I", second))  # CLOSE has no answer
    assert is_error(client.command(run + b"\x01y"), 1243, "HY000")
    # What is cut short is refused and does no harm.
    assert is_error(client.command(b"\x17" + struct.pack("<I", first) + head), 1835, "08S01")
    assert is_error(client.command(b"\x17" + struct.pack("<I", first)), 1835, "08S01")
    null = b"\x01\x01" + struct.pack("<H", 6)
    assert client.command(b"\x17" + struct.pack("<I", first) + head + null) == b"\x01"
    assert client.rows(1) == [b"\0\x04"]
    assert is_error(client.command(b"\x16SELECT * FROM nowhere"), 1146, "42S02")


# -- KILL ------------------------------------------------------------------------------------


_LONG = "SELECT COUNT(*) FROM big AS a, big AS b, big AS c WHERE (a.i * b.i + c.i) % 7 = 3"


@pytest.fixture(scope="module")
def big(server: EmbeddedServer) -> None:
    with connect(server) as conn, conn.cursor() as cursor:
        cursor.execute("CREATE TABLE big (i BIGINT)")
        cursor.executemany("INSERT INTO big VALUES (%s)", [(i,) for i in range(20000)])


@pytest.mark.parametrize("statement", ["SELECT SLEEP(60)", _LONG], ids=["sleep", "work"])
@pytest.mark.parametrize("query_only", [True, False], ids=["query", "connection"])
@pytest.mark.usefixtures("big")
def test_kill(server: EmbeddedServer, statement: str, query_only: bool) -> None:
    victim, killer = connect(server), connect(server)
    caught: list[Any] = []

    def run() -> None:
        try:
            with victim.cursor() as cursor:
                cursor.execute(statement)
        except pymysql.err.Error as exc:
            caught.append(exc.args[0])

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        with killer.cursor() as cursor:
            for _ in range(200):
                cursor.execute("SHOW PROCESSLIST")
                if any(r[0] == victim.thread_id() and r[7] == statement for r in cursor):
                    break
                time.sleep(0.02)
            else:
                pytest.fail("the statement did not begin")
            kind = "QUERY " if query_only else ""
            while thread.is_alive():  # it may have been between two steps
                with contextlib.suppress(pymysql.err.OperationalError):  # 1094: gone already
                    cursor.execute(f"KILL {kind}{victim.thread_id()}")
                thread.join(1)
        thread.join(20)
        assert not thread.is_alive()
        assert caught == [1317] if query_only else caught[0] in (1317, 2006, 2013)
        if query_only:
            with victim.cursor() as cursor:
                cursor.execute("SELECT 1")
                assert cursor.fetchone() == (1,)
        else:
            with pytest.raises(pymysql.err.Error):
                victim.ping(reconnect=False)
    finally:
        killer.close()
        if victim.open:
            victim.close()


def test_kill_ends_a_client_that_does_not_read(server: EmbeddedServer) -> None:
    with Client(server) as stuck, connect(server) as killer:
        assert stuck.answer()[:1] == b"\0"
        stuck.sequence = 0
        stuck.send(b"\x03SELECT REPEAT('x', 100000000)")
        with killer.cursor() as cursor:
            for _ in range(200):
                cursor.execute("SHOW PROCESSLIST")
                if any(r[0] == stuck.number for r in cursor):
                    break
            cursor.execute(f"KILL {stuck.number}")
            for _ in range(500):
                cursor.execute("SHOW PROCESSLIST")
                if all(r[0] != stuck.number for r in cursor):
                    break
                time.sleep(0.02)
            else:
                pytest.fail("the connection is still there")


def test_kill_over_tls(tls_server: EmbeddedServer, certificate: tuple[Path, Path]) -> None:
    context = ssl.create_default_context(cafile=certificate[0])
    context.check_hostname = False
    victim = connect(tls_server, ssl=context)
    with connect(tls_server) as killer, killer.cursor() as cursor:
        cursor.execute(f"KILL {victim.thread_id()}")
        with pytest.raises(pymysql.err.Error):
            victim.ping(reconnect=False)


def test_kill_ends_a_wait_for_a_lock(server: EmbeddedServer) -> None:
    holder, waiter, killer = connect(server), connect(server), connect(server)
    caught: list[Any] = []

    def wait() -> None:
        try:
            with waiter.cursor() as cursor:
                cursor.execute("UPDATE locked SET a = 3")
        except pymysql.err.Error as exc:
            caught.append(exc.args[0])

    thread = threading.Thread(target=wait, daemon=True)
    try:
        with holder.cursor() as cursor:
            cursor.execute("CREATE TABLE locked (a INT)")
            cursor.execute("INSERT INTO locked VALUES (1)")
            holder.begin()
            cursor.execute("UPDATE locked SET a = 2")
        thread.start()
        with killer.cursor() as cursor:
            for _ in range(200):
                cursor.execute(f"KILL QUERY {waiter.thread_id()}")
                thread.join(0.05)
                if not thread.is_alive():
                    break
        assert caught == [1317]
        holder.commit()
        with waiter.cursor() as cursor:
            assert cursor.execute("UPDATE locked SET a = 3") == 1
    finally:
        for conn in (holder, waiter, killer):
            conn.close()


# -- several at once -------------------------------------------------------------------------


def test_sixteen_clients(server: EmbeddedServer) -> None:
    with connect(server) as conn, conn.cursor() as cursor:
        cursor.execute("CREATE TABLE hot (id INT PRIMARY KEY, n INT)")
        cursor.execute("CREATE TABLE log (client INT, i INT)")
        cursor.execute("INSERT INTO hot VALUES (1, 0)")
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with connect(server) as conn, conn.cursor() as cursor:
                for i in range(10):
                    assert cursor.execute("UPDATE hot SET n = n + 1 WHERE id = 1") == 1
                    cursor.execute("INSERT INTO log VALUES (%s, %s)", (number, i))
                    cursor.execute("SELECT COUNT(*) FROM log WHERE client = %s", (number,))
                    assert cursor.fetchone() == (i + 1,)
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    with connect(server) as conn, conn.cursor() as cursor:
        cursor.execute("SELECT n, (SELECT COUNT(*) FROM log) FROM hot")
        assert cursor.fetchone() == (160, 160)
