"""MySQL option files; the parser is PyMySQL's."""

from __future__ import annotations

from pymysql.optionfile import Parser

from singlestoredb.optionfile import read_option_file

__all__ = ["Parser", "read_option_file"]
