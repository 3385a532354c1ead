"""The http and https drivers against the embedded engine's Data API."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.testing import DriverConformance
from singlestoredb.testing.servers import _make_certificate

fronts = pytest.importorskip("singlestoredb_embedded.fronts.http")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with fronts.start_http(None, users={"root": "s3cr3t!/ü"}) as front:
        yield f"http://root:s3cr3t%21%2F%C3%BC@127.0.0.1:{front.port}/main"


class TestHTTP(DriverConformance):
    @pytest.fixture(autouse=True)
    def _server(self, url: str) -> None:
        self.url = url


def test_values_go_both_ways(url: str) -> None:
    numpy = pytest.importorskip("numpy")
    bson = pytest.importorskip("bson")
    document = bson.encode({"a": [1, "ü"]})
    columns = (
        "id INT, b VARBINARY(300), l LONGBLOB, bits BIT(64), j JSON, v VECTOR(3, F32), "
        "w VECTOR(2, I64), d DECIMAL(30,10), n BIGINT UNSIGNED, o BSON, t TIME(6), s DATETIME(6)"
    )
    values: list[Any] = [
        1,
        bytes(range(256)),
        b"",
        7,
        '{"k": [1.5, null]}',
        numpy.array([1, -2.5, 3e-5], "f4"),
        numpy.array([2**62, -1], "i8"),
        Decimal("12345678901234567890.0123456789"),
        2**64 - 1,
        document,
        -dt.timedelta(hours=838, seconds=1, microseconds=5),
        dt.datetime(1999, 12, 31, 23, 59, 59, 999999),
    ]
    with s2.connect(url) as conn, conn.cursor("tuples") as cursor:
        cursor.execute("DROP TABLE IF EXISTS both_ways")
        cursor.execute(f"CREATE TABLE both_ways ({columns})")
        cursor.execute(f"INSERT INTO both_ways VALUES ({', '.join(['%s'] * 12)})", values)
        cursor.execute("SELECT * FROM both_ways")
        ((*got,),) = cursor.fetchall()
        cursor.execute("SELECT id FROM both_ways WHERE d = %s AND b = %s", [values[7], values[1]])
        assert cursor.fetchall() == [(1,)]
        cursor.execute("SELECT v <*> %s FROM both_ways", [numpy.array([1, 0, 0], "f4")])
        assert cursor.fetchall() == [(1.0,)]
        cursor.execute("DROP TABLE both_ways")
    assert got[:3] == values[:3]
    assert got[3] == bytes(7) + b"\x07"
    assert got[4] == {"k": [1.5, None]}
    assert (got[5].dtype, got[5].tolist()) == (numpy.float32, values[5].tolist())
    assert (got[6].dtype, got[6].tolist()) == (numpy.int64, [2**62, -1])
    assert got[7:9] == values[7:9]
    assert got[9] == {"a": [1, "ü"]}
    assert got[10:] == values[10:]


def test_statements_with_rows_give_them(url: str) -> None:
    with s2.connect(url) as conn, conn.cursor("tuples") as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS routed (id INT PRIMARY KEY, name TEXT)")
        for sql, count in (
            ("(SELECT 1)", 1),
            ("/* why */ SELECT 1", 1),
            ("-- why\nSELECT 1", 1),
            ("WITH a AS (SELECT 1 AS x UNION SELECT 2) SELECT * FROM a", 2),
            ("DESC routed", 2),
            ("DESCRIBE routed", 2),
            ("SHOW COLUMNS FROM routed", 2),
        ):
            assert cursor.execute(sql) == count
            assert len(cursor.fetchall()) == count
        cursor.execute("DROP TABLE routed")


def test_insert_ids_and_the_database_in_use(url: str) -> None:
    with s2.connect(url) as conn, conn.cursor("tuples") as cursor:
        cursor.execute("CREATE DATABASE IF NOT EXISTS second")
        conn.select_db("second")
        cursor.execute("CREATE TABLE t (id BIGINT AUTO_INCREMENT PRIMARY KEY, a INT)")
        cursor.execute("INSERT INTO t (a) VALUES (%s)", [5])
        assert cursor.lastrowid == 1
        cursor.execute("INSERT INTO t (a) VALUES (%s)", [6])
        assert cursor.lastrowid == 2
        with s2.connect(url.replace("/main", "/second")) as other:
            assert other.execute("SELECT a FROM t ORDER BY id").fetchall() == [(5,), (6,)]
        cursor.execute("DROP DATABASE second")


def test_wrong_credentials_and_databases_fail_at_once(url: str) -> None:
    for changed, kind, errno in (
        (url.replace("s3cr3t", "wr0ng"), s2.OperationalError, 1045),
        (url.replace("/main", "/nowhere"), s2.ProgrammingError, 1049),
    ):
        with pytest.raises(kind) as caught:
            s2.connect(changed)
        assert caught.value.errno == errno
        assert "wr0ng" not in str(caught.value)


def test_version_and_host(url: str) -> None:
    with s2.connect(url) as conn:
        assert conn.get_server_info()[0].isdigit()
        assert conn.get_host_info().startswith("127.0.0.1:")
        assert [row["Name"] for row in conn.show.databases()]


def test_fusion_sees_the_arguments(url: str) -> None:
    pytest.importorskip("lark")
    with s2.options({"fusion.enabled": True}), s2.connect(url) as conn, conn.cursor() as cursor:
        cursor.execute("SHOW FUSION COMMANDS LIKE %s", ["SHOW FUSION%"])
        assert cursor.fetchall()


def test_bearer_tokens() -> None:
    with fronts.start_http(None, users={}, tokens={"abc.def.ghi": "ann"}) as front:
        address = f"http://127.0.0.1:{front.port}"
        with s2.connect(address, credential_type="jwt", password="abc.def.ghi", user="ann") as conn:
            assert conn.execute("SELECT 1").fetchall() == [(1,)]
        with pytest.raises(s2.OperationalError) as caught:
            s2.connect(address, credential_type="jwt", password="other.token", user="ann")
        assert caught.value.errno == 1045
        assert "other.token" not in str(caught.value)


# -- TLS -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost and 127.0.0.1 that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    _make_certificate(cert, key)
    return cert, key


@pytest.fixture(scope="module")
def secure(certificate: tuple[Path, Path]) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with fronts.start_http(None, users={"root": "s3cr3t"}, tls=context) as front:
        yield f"https://root:s3cr3t@127.0.0.1:{front.port}/main"


class TestHTTPS(DriverConformance):
    @pytest.fixture(autouse=True)
    def _server(self, secure: str, certificate: tuple[Path, Path]) -> None:
        self.url = f"{secure}?ssl_ca={certificate[0]}"


def test_certificates_are_verified_unless_told_otherwise(
    secure: str, certificate: tuple[Path, Path]
) -> None:
    ca = str(certificate[0])
    own = ssl.create_default_context(cafile=ca)
    loose = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    loose.check_hostname, loose.verify_mode = False, ssl.CERT_NONE
    good: list[dict[str, Any]] = [
        {"ssl_ca": ca},
        {"ssl_ca": ca, "tls_sni_servername": "localhost"},
        {"ssl_ca": ca, "tls_sni_servername": "other.example", "ssl_verify_identity": False},
        {"ssl_verify_cert": False},
        {"ssl_verify_cert": False, "tls_sni_servername": "other.example"},
        {"ssl": own},
        {"ssl": loose},
    ]
    for kwargs in good:
        s2.connect(secure, **kwargs).close()
    bad: list[dict[str, Any]] = [
        {},
        {"ssl_verify_cert": True},
        {"ssl_verify_cert": False, "ssl_verify_identity": True},
        {"ssl_ca": ca, "tls_sni_servername": "other.example"},
        {"ssl": own, "tls_sni_servername": "other.example"},
    ]
    for kwargs in bad:
        with pytest.raises(s2.OperationalError) as caught:
            s2.connect(secure, **kwargs)
        assert caught.value.errno == 2026
        assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    "kwargs",
    [{"ssl_disabled": True}, {"ssl_ca": "/no/such.pem"}, {"ssl_cert": "/no/such.pem"},
     {"ssl_cipher": "NONSENSE"}, {"ssl": {"ca": "x"}}],
)  # fmt: skip
def test_tls_parameters_that_cannot_be_used(secure: str, kwargs: dict[str, Any]) -> None:
    with pytest.raises((s2.InterfaceError, ValueError)):
        s2.connect(secure, **kwargs)


def test_client_certificates(certificate: tuple[Path, Path]) -> None:
    cert, key = map(str, certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cert)
    with fronts.start_http(None, users={"root": "s3cr3t"}, tls=context) as front:
        url = f"https://root:s3cr3t@127.0.0.1:{front.port}"
        with s2.connect(url, ssl_ca=cert, ssl_cert=cert, ssl_key=key) as conn:
            assert conn.execute("SELECT 1").fetchall() == [(1,)]
        with pytest.raises(s2.OperationalError):
            s2.connect(url, ssl_ca=cert)


def test_https_to_a_server_without_tls(url: str) -> None:
    with pytest.raises(s2.OperationalError) as caught:
        s2.connect(url.replace("http://", "https://"))
    assert caught.value.errno == 2026
