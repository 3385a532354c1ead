"""Results by column: the Arrow type of each SQL type, and the ways between rows and Arrow.

* :mod:`types` - SQL column to Arrow type: the one mapping that every driver and format follows
* :mod:`build` - rows to Arrow batches, for drivers that have rows only
* :mod:`read` - Arrow batches to rows and to numpy columns
* :mod:`rowdat_1` - bodies of external functions to numpy columns and back

Arrow data pass as PyCapsules; nanoarrow moves the buffers, and pyarrow is never needed.
"""
