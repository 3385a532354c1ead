"""Databases for SQLAlchemy's dialect suite, which loads this module by its name."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.testing.provision import create_db, drop_db, temp_table_keyword_args


def _names(ident: str) -> tuple[str, ...]:
    return (ident, f"{ident}_test_schema", f"{ident}_test_schema_2")


@create_db.for_db("starrocks")  # type: ignore[untyped-decorator]  # SQLAlchemy's tests are untyped
def _create_db(cfg: Any, eng: Any, ident: str) -> None:
    with eng.begin() as connection:
        for name in _names(ident):
            connection.execute(text(f"CREATE DATABASE IF NOT EXISTS `{name}`"))


@drop_db.for_db("starrocks")  # type: ignore[untyped-decorator]  # SQLAlchemy's tests are untyped
def _drop_db(cfg: Any, eng: Any, ident: str) -> None:
    with eng.begin() as connection:
        for name in _names(ident):
            connection.execute(text(f"DROP DATABASE IF EXISTS `{name}`"))


@temp_table_keyword_args.for_db("starrocks")  # type: ignore[untyped-decorator]  # SQLAlchemy's tests are untyped
def _temp_table_keyword_args(cfg: Any, eng: Any) -> dict[str, Any]:
    return {"prefixes": ["TEMPORARY"]}
