"""What is imported when, in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_lark_is_imported_by_the_first_statement_of_a_command() -> None:
    out = run(
        """
        import sys
        from singlestoredb import fusion
        from singlestoredb_plugins.fusion_core import ShowFusionCommands
        ShowFusionCommands.register()
        assert fusion.find("SELECT 1") is None
        assert fusion.find("SHOW FUSION COMMANDS") is ShowFusionCommands
        heavy = {"lark", "requests", "numpy", "pandas", "pyarrow", "polars", "IPython"}
        print(sorted(heavy & set(sys.modules)))
        fusion.find("SHOW FUSION COMMANDS")(None).execute("SHOW FUSION COMMANDS")
        print(sorted(heavy & set(sys.modules)))
        """
    )
    assert out.splitlines() == ["[]", "['lark']"]


def test_without_lark_the_error_says_how_to_install_it() -> None:
    out = run(
        """
        import sys
        sys.modules["lark"] = None
        from singlestoredb import fusion
        from singlestoredb_plugins.fusion_core import ShowFusionCommands
        ShowFusionCommands.register()
        assert fusion.find("SHOW FUSION COMMANDS") is ShowFusionCommands
        try:
            ShowFusionCommands(None).execute("SHOW FUSION COMMANDS")
        except ImportError as error:
            print(error.name, error)
        """
    )
    assert out == (
        "lark Fusion SQL needs lark, which is not installed (pip install 'singlestoredb[fusion]')\n"
    )


def test_exports() -> None:
    from singlestoredb import fusion

    assert len(set(fusion.__all__)) == len(fusion.__all__)
    assert all(hasattr(fusion, name) for name in fusion.__all__)
    import singlestoredb_hookspecs
    from singlestoredb.fusion.handler import SQLHandler
    from singlestoredb.fusion.registry import execute, get_handler
    from singlestoredb.fusion.result import FusionSQLResult

    assert fusion.SQLHandler is SQLHandler
    assert fusion.FusionSQLResult is FusionSQLResult
    assert fusion.execute is execute
    assert fusion.get_handler is get_handler
    assert fusion.hookimpl is singlestoredb_hookspecs.hookimpl
