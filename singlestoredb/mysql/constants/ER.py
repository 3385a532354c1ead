"""Errors of the server."""

from typing import TYPE_CHECKING

from pymysql.constants.ER import *  # noqa: F403 - PyMySQL has them; this is their other address

ERROR_LAST = 1468

if TYPE_CHECKING:

    def __getattr__(name: str) -> int: ...
