"""Flags of columns."""

from pymysql.constants.FLAG import *  # noqa: F403 - PyMySQL has them; this is their other address
