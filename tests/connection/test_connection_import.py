"""Importing is cheap: told by the modules that are loaded, in an interpreter of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from singlestoredb.testing import MariaDB

HEAVY = (
    "click", "duckdb", "lark", "nanoarrow", "numpy", "pandas", "pluggy", "polars", "pyarrow",
    "pymysql", "requests", "rich", "sqlglot", "ssl", "stevedore", "singlestoredb_plugins",
    "importlib.metadata", "dataclasses",
)  # fmt: skip


def modules_after(code: str) -> set[str]:
    """Return the modules that are loaded after running ``code``."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def bare() -> set[str]:
    """What the interpreter loads by itself, editable installs included."""
    return modules_after("pass")


def test_import_loads_nothing_but_itself(bare: set[str]) -> None:
    loaded = modules_after("import singlestoredb") - bare
    assert loaded == {"singlestoredb", "singlestoredb._version"}


def test_names_load_on_first_use(bare: set[str]) -> None:
    loaded = modules_after("import singlestoredb as s2; s2.options, s2.Error, s2.STRING") - bare
    assert "singlestoredb.config" in loaded
    assert not loaded.intersection(HEAVY)


def test_unknown_names_are_attribute_errors() -> None:
    import singlestoredb

    with pytest.raises(AttributeError, match="has no attribute 'conect'"):
        _ = singlestoredb.conect
    assert set(singlestoredb.__all__) <= set(dir(singlestoredb))
    for name in singlestoredb.__all__:
        assert getattr(singlestoredb, name) is not None


def test_a_connection_loads_one_driver_and_one_format(mariadb: MariaDB, bare: set[str]) -> None:
    code = f"""
import singlestoredb as s2
with s2.connect({mariadb.url!r}) as conn:
    conn.execute("SELECT 1").fetchall()
"""
    loaded = modules_after(code) - bare
    plugins = {name.split(".")[1] for name in loaded if name.startswith("singlestoredb_plugins.")}
    assert plugins - {"mysql_accel"} == {"mysql", "format_tuples"}  # accelerated where it is built
    absent = {"numpy", "pandas", "polars", "pyarrow", "lark", "duckdb", "sqlglot", "requests"}
    assert not loaded & (absent | {"click", "rich"})


def test_missing_libraries_are_named_with_the_command_that_installs_them() -> None:
    code = (
        "import singlestoredb as s2, sys\n"
        "sys.modules['pyarrow'] = sys.modules['requests'] = None\n"
        "cursor = s2.connect('embedded://').execute('SELECT 1 AS a')\n"
        "for call in (cursor.fetch_record_batch, cursor.fetch_arrow_table,\n"
        "             lambda: s2.connect('http://h')):\n"
        "    try:\n"
        "        call()\n"
        "    except s2.plugins.PluginLoadError as exc:\n"
        "        print(exc)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "the format 'arrow' needs pyarrow, which is not installed "
        "(pip install 'singlestoredb[arrow]')",
        "the format 'arrow' needs pyarrow, which is not installed "
        "(pip install 'singlestoredb[arrow]')",
        "the driver 'http' needs requests, which is not installed "
        "(pip install 'singlestoredb[http]')",
    ]
