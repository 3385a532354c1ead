"""Capability flags of the handshake."""

from typing import TYPE_CHECKING

from pymysql.constants.CLIENT import *  # noqa: F403 - PyMySQL has them; this is their other address

if TYPE_CHECKING:

    def __getattr__(name: str) -> int: ...
