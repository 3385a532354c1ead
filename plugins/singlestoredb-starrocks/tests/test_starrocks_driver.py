"""The driver plugin, and that the package is usable without what it plugs into."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from starrocks.testing import StarRocksServer

s2 = pytest.importorskip("singlestoredb")

TABLE = (
    "CREATE TABLE t (a INT, b DECIMAL(10, 2), d DATE, s STRING)",
    "INSERT INTO t VALUES (1, 1.25, '2020-01-02', 'x'), (2, NULL, NULL, NULL)",
)


def connect(server: StarRocksServer, **options: Any) -> Any:
    return s2.connect(f"starrocks://root@127.0.0.1:{server.port}/default_catalog.test", **options)


@pytest.mark.parametrize(
    ("results_type", "module"),
    [
        ("tuples", ""),
        ("namedtuples", ""),
        ("dicts", ""),
        ("structsequences", ""),
        ("numpy", "numpy"),
        ("pandas", "pandas"),
        ("polars", "polars"),
        ("arrow", "pyarrow"),
    ],
)
@pytest.mark.parametrize("buffered", [True, False])
def test_every_format(
    server: StarRocksServer, results_type: str, module: str, buffered: bool
) -> None:
    if module:
        pytest.importorskip(module)
    with connect(server) as connection:
        for statement in TABLE:
            connection.query(statement)
        with connection.cursor(results_type=results_type, buffered=buffered) as cursor:
            cursor.execute("SELECT * FROM t ORDER BY a")
            rows = cursor.fetchall()
    assert len(rows) == 2
    if results_type == "arrow":
        rows = rows.to_pylist()
    elif results_type == "polars":
        rows = rows.to_dicts()
    elif results_type == "pandas":
        rows = rows.to_dict("records")
    first = list(rows[0].values() if isinstance(rows[0], dict) else rows[0])
    assert int(first[0]) == 1
    assert float(first[1]) == 1.25
    assert str(first[2]).startswith("2020-01-02")
    assert first[3] == "x"


def test_nothing_is_sent_that_only_other_servers_know(server: StarRocksServer) -> None:
    with connect(server) as connection:
        connection.query("SELECT 1")
        capabilities = connection._driver_connection.capabilities
    assert server.statements == ["SET NAMES utf8mb4", "SELECT 1"]
    assert "VECTORS" not in str(capabilities)
    assert "STREAMING" in str(capabilities)


def test_the_port_and_the_errors_are_those_of_starrocks(server: StarRocksServer) -> None:
    from singlestoredb.params import resolve

    assert resolve(host="starrocks://u@h/db").port == 9030
    with connect(server) as connection, pytest.raises(s2.ProgrammingError) as caught:
        connection.query("CREATE TABLE t (a INT PRIMARY KEY)")
    assert caught.value.errno == 1064


def test_sessions_are_independent_of_the_sdks_options(server: StarRocksServer) -> None:
    from sqlalchemy import create_engine, text

    with s2.option_context("results.type", "dicts"):
        engine = create_engine(server.url(driver="singlestoredb"))
        with engine.connect() as connection:
            assert connection.execute(text("SELECT 1, '%'")).all() == [(1, "%")]
        engine.dispose()


def test_the_rest_of_the_package_needs_neither_sdk_nor_alembic() -> None:
    program = (
        "import sys\n"
        "sys.modules['singlestoredb'] = sys.modules['alembic'] = None\n"
        "from sqlalchemy import create_engine, inspect, text\n"
        "import starrocks.sql.ddl, starrocks.sql.files, starrocks.testing\n"
        "with starrocks.testing.StarRocksServer() as server:\n"
        "    engine = create_engine(server.url())\n"
        "    with engine.connect() as connection:\n"
        "        assert connection.execute(text('SELECT 1')).scalar() == 1\n"
        "    engine.dispose()\n"
        "    try:\n"
        "        create_engine(server.url(driver='singlestoredb'))\n"
        "    except ModuleNotFoundError as error:\n"
        "        assert \"pip install 'singlestoredb-starrocks[singlestoredb]'\" in str(error)\n"
        "    else:\n"
        "        raise AssertionError('no error')\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
