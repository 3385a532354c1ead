"""Kinds of the extension that a column definition may have."""

NONE = 0
BSON = 1
VECTOR = 2
