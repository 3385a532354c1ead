"""Commands of the client."""

from pymysql.constants.COMMAND import *  # noqa: F403 - PyMySQL has them; this is their other address
