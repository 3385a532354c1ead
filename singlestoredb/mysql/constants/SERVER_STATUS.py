"""Status flags of the server."""

from pymysql.constants.SERVER_STATUS import *  # noqa: F403 - PyMySQL has them; this is their other address
