"""The SDK's conformance kit, on this driver."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from bitdotio import server

# The distribution is usable without the SDK; with it, nothing here is skipped.
pytest.importorskip("singlestoredb")

from singlestoredb.testing import DriverConformance, PEP249Conformance


class TestBitdotio(DriverConformance):
    create_table: ClassVar[str] = (
        "CREATE TABLE s2_driver_kit"
        " (id INT NOT NULL PRIMARY KEY, name VARCHAR(20), price DOUBLE PRECISION)"
    )
    type_samples: ClassVar[Sequence[tuple[str, str, Any]]] = (
        ("boolean", "true", True),
        ("smallint", "-32768", -32768),
        ("integer", "-2147483648", -(2**31)),
        ("bigint", "-9223372036854775808", -(2**63)),
        ("oid", "4294967295", 2**32 - 1),
        ("real", "0.5", 0.5),
        ("double precision", "-1.25e300", -1.25e300),
        ("numeric(20, 6)", "12345.6789", Decimal("12345.678900")),
        ("date", "'2024-02-29'", dt.date(2024, 2, 29)),
        (
            "timestamp",
            "'1999-12-31 23:59:59.999999'",
            dt.datetime(1999, 12, 31, 23, 59, 59, 999999),
        ),
        ("timestamptz", "'2000-01-01 01:00:00+01'", dt.datetime(2000, 1, 1)),
        ("time", "'23:59:59.5'", dt.timedelta(hours=23, minutes=59, seconds=59.5)),
        ("interval", "'-838:59:59'", -dt.timedelta(hours=838, minutes=59, seconds=59)),
        ("char(3)", "'abc'", "abc"),
        ("varchar(20)", "'ünï✓🜁'", "ünï✓🜁"),
        ("text", "'long text'", "long text"),
        ("uuid", "'00000000-0000-0000-0000-000000000001'", "00000000-0000-0000-0000-000000000001"),
        ("inet", "'10.0.0.1'", "10.0.0.1"),
        ("bytea", "'\\x00ff27'", b"\x00\xff'"),
    )
    slow_query: ClassVar[str] = "SELECT pg_sleep(30)"

    @pytest.fixture(autouse=True)
    def _scratch(self, local: server.LocalServer, database: str) -> None:
        address = f"127.0.0.1:{local.pg_port}/{database}?sslmode=disable"
        self.url = f"bitdotio://api_user:{local.token}@{address}"


class TestBitdotioAsDBAPI(PEP249Conformance):
    create_types: ClassVar[str] = (
        "CREATE TABLE s2_pep249_kit_types (n bigint, f double precision, s varchar(50), b bytea, "
        "d date, ts timestamp, t time)"
    )

    @pytest.fixture(autouse=True)
    def _scratch(self, local: server.LocalServer, database: str) -> None:
        address = f"127.0.0.1:{local.pg_port}/{database}?sslmode=disable"
        type(self).url = f"bitdotio://api_user:{local.token}@{address}"
