"""Element types of VECTOR columns."""

FLOAT32 = 1
FLOAT64 = 2
INT8 = 3
INT16 = 4
INT32 = 5
INT64 = 6
FLOAT16 = 7
