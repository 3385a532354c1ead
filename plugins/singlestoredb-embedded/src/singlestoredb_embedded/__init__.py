"""An embedded engine for the singlestoredb SDK: SingleStore's SQL dialect, run by DuckDB."""

from __future__ import annotations

__version__ = "1.0.0"
