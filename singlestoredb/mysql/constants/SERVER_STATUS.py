"""Status flags of the server."""

from typing import TYPE_CHECKING

from pymysql.constants.SERVER_STATUS import *  # noqa: F403 - PyMySQL has them; this is their other address

if TYPE_CHECKING:

    def __getattr__(name: str) -> int: ...
