"""Types of columns: MySQL's, and SingleStore's extended ones."""

from typing import TYPE_CHECKING

from pymysql.constants.FIELD_TYPE import *  # noqa: F403 - PyMySQL has them; this is their other address
from pymysql.constants.FIELD_TYPE import TINY

BOOL = TINY
BSON = 1001
FLOAT32_VECTOR_JSON = 2001
FLOAT64_VECTOR_JSON = 2002
INT8_VECTOR_JSON = 2003
INT16_VECTOR_JSON = 2004
INT32_VECTOR_JSON = 2005
INT64_VECTOR_JSON = 2006
FLOAT16_VECTOR_JSON = 2007
FLOAT32_VECTOR = 3001
FLOAT64_VECTOR = 3002
INT8_VECTOR = 3003
INT16_VECTOR = 3004
INT32_VECTOR = 3005
INT64_VECTOR = 3006
FLOAT16_VECTOR = 3007

if TYPE_CHECKING:

    def __getattr__(name: str) -> int: ...
