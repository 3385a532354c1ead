# ruff: noqa: F403 - this is how a suite is adopted
"""SQLAlchemy's own dialect suite, its reflection part excepted.

That part makes tables with CHECK constraints for each of its tests; reflection is what the tests
of the dialect itself are about.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sqlalchemy.testing.provision import temp_table_keyword_args
from sqlalchemy.testing.suite.test_cte import *
from sqlalchemy.testing.suite.test_ddl import *
from sqlalchemy.testing.suite.test_dialect import *
from sqlalchemy.testing.suite.test_insert import *
from sqlalchemy.testing.suite.test_results import *
from sqlalchemy.testing.suite.test_rowcount import *
from sqlalchemy.testing.suite.test_select import *
from sqlalchemy.testing.suite.test_types import *
from sqlalchemy.testing.suite.test_unicode_ddl import *
from sqlalchemy.testing.suite.test_update_delete import *

with suppress(ModuleNotFoundError):  # new in SQLAlchemy 2.1
    from sqlalchemy.testing.suite.test_table_via_select import *


@temp_table_keyword_args.for_db("singlestoredb")
def _temporary(cfg: Any, eng: Any) -> dict[str, Any]:
    return {"prefixes": ["TEMPORARY"]}
