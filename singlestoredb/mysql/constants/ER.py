"""Errors of the server."""

from pymysql.constants.ER import *  # noqa: F403 - PyMySQL has them; this is their other address
