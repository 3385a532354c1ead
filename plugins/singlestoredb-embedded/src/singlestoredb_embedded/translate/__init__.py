"""Translation: syntax trees to DuckDB SQL with known types.

Nothing passes through untranslated.  A name that the catalog or the function registry does not
know is an error here, so that DuckDB's own functions, tables and coercions never answer instead.
"""

from __future__ import annotations
