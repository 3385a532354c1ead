"""Capability flags of the handshake."""

from pymysql.constants.CLIENT import *  # noqa: F403 - PyMySQL has them; this is their other address
