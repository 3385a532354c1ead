"""Errors of the client."""

from pymysql.constants.CR import *  # noqa: F403 - PyMySQL has them; this is their other address
