"""The how-to guide does what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from singlestoredb.fusion import FusionSQLResult, SQLHandler, registry

GUIDE = Path(__file__).parents[2] / "docs/howto/fusion.md"


def test_the_examples_of_the_guide_run() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text("utf-8"), re.M | re.S)
    assert len(blocks) >= 7
    namespace: dict[str, Any] = {"__name__": "guide"}
    try:
        for block in blocks:
            exec(compile(block, str(GUIDE), "exec"), namespace)
        assert [registry.find("SHOW ACME THINGS")] == [namespace["ShowThings"]]
        assert namespace["s2_fusion_handlers"]() == [namespace["ShowThings"]]
    finally:
        registry.unregister_handler(namespace["ShowThings"])


def test_the_builtins_are_all_in_the_guide() -> None:
    from singlestoredb.fusion.compiler import _TOKENS, BUILTIN_RULES, STATEMENT

    text = GUIDE.read_text("utf-8")
    for name in (*BUILTIN_RULES, *_TOKENS, STATEMENT):
        assert f"`<{name}>`" in text


def test_the_handler_of_the_architecture_document() -> None:
    from singlestoredb.fusion import result

    class MyHandler(SQLHandler):
        """
        SHOW MY DATA IN directory [ <extended> ];

        # Location of data
        directory = DIRECTORY '<path>'
        """

        def run(self, params: dict[str, Any]) -> FusionSQLResult:
            res = result.FusionSQLResult()
            res.add_field("Name", result.STRING)
            res.set_rows([(params["directory"],)] * (1 + params["extended"]))
            return res

    sql = "SHOW MY DATA IN DIRECTORY '/x/y' EXTENDED"
    MyHandler.register()
    try:
        assert registry.find(sql) is MyHandler
        assert MyHandler(None).execute(sql).rows == [("/x/y",), ("/x/y",)]
    finally:
        registry.unregister_handler(MyHandler)
