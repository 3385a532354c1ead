"""Packets of the MySQL protocol as PyMySQL reads them, for programs that take packets apart.

The driver itself does not use them.
"""

from __future__ import annotations

from pymysql.protocol import (
    EOFPacketWrapper,
    FieldDescriptorPacket,
    LoadLocalPacketWrapper,
    MysqlPacket,
    OKPacketWrapper,
    dump_packet,
)

__all__ = [
    "EOFPacketWrapper",
    "FieldDescriptorPacket",
    "LoadLocalPacketWrapper",
    "MysqlPacket",
    "OKPacketWrapper",
    "dump_packet",
]
