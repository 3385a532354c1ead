"""The bodies of external functions: JSON, ROWDAT_1 and ARROW, made of and read into Arrow columns.

A request has a row number and the arguments per row, an answer the same row number and the values;
a table-valued function answers with any number of rows per row number.  Dates, times and decimals
are brought into the format's own spelling by SQL: only numbers, texts and bytes remain here.

ROWDAT_1, little-endian, without header: per row an int64 row number, then per column a byte that is
1 for NULL and 8 bytes (int64, uint64 or double), or 8 bytes of length and so many bytes.
"""

from __future__ import annotations

import decimal
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from .types import SqlType


class WireError(Exception):
    """A body is not what the format says."""


@dataclass(frozen=True)
class Type:
    """How a column's values are carried."""

    code: str
    """``i`` int64, ``u`` uint64, ``f`` double, ``s`` text, ``b`` bytes; of ARROW also ``d`` date,
    ``t`` timestamp, ``h`` duration and ``n`` decimal."""
    duckdb: str
    """DuckDB's type of it."""

    @classmethod
    def of(cls, kind: SqlType, format: str) -> Type:
        """Return how ``format`` carries values of a declared type."""
        family = kind.family
        arrow = format == "ARROW"
        if family in ("int", "year"):
            return cls("u", "UBIGINT") if kind.unsigned else cls("i", "BIGINT")
        if family == "float":
            return cls("f", "DOUBLE")
        if family == "binary":
            return cls("s", "VARCHAR") if format == "JSON" else cls("b", "BLOB")
        if family == "decimal":
            return cls("n", kind.storage) if arrow else cls("s", "VARCHAR")
        if family in ("date", "datetime", "time"):
            if format == "JSON":
                return cls("s", "VARCHAR")
            if format == "ROWDAT_1" or family == "time":
                return cls("h" if arrow else "i", "BIGINT")
            return cls("d", "DATE") if family == "date" else cls("t", "TIMESTAMP")
        return cls("s", "VARCHAR")


# -- SQL on both sides -----------------------------------------------------------------------


def encode_sql(sql: str, kind: SqlType, format: str) -> str:
    """Return SQL that makes of a stored value what the format carries."""
    family = kind.family
    target = Type.of(kind, format)
    if family == "binary" and format == "JSON":
        return f"to_base64({sql})"
    if family == "date" and format == "ROWDAT_1":
        return f"CAST(year({sql}) * 10000 + month({sql}) * 100 + day({sql}) AS BIGINT)"
    if family == "datetime" and format == "ROWDAT_1":
        parts = "|".join(
            f"(CAST({part}({sql}) AS BIGINT) << {shift})"
            for part, shift in (("year", 46), ("month", 42), ("day", 37), ("hour", 32),
                                ("minute", 26))
        )  # fmt: skip
        # microsecond() has the seconds too.
        return (f"({parts}|((microsecond({sql}) // 1000000) << 20)"
                f"|(microsecond({sql}) % 1000000))")  # fmt: skip
    if family == "time" and format == "ROWDAT_1":
        micros = f"sign(epoch_us({sql})) * (abs(epoch_us({sql})) % 1000000)"
        return f"(s2.number_of_time({sql}) * 1000000 + {micros})::BIGINT"
    if family == "time":
        return f"epoch_us({sql})" if format == "ARROW" else f"s2.time_text({sql}, 6)"
    return f"CAST({sql} AS {target.duckdb})"


def decode_sql(sql: str, kind: SqlType, format: str) -> str:
    """Return SQL that stores what came back."""
    family = kind.family
    storage = kind.storage
    if family == "binary" and format == "JSON":
        return f"from_base64({sql})"
    if family == "date" and format != "ARROW":
        if format == "JSON":
            return f"s2.date_of_text({sql})"
        return f"make_date({sql} // 10000, ({sql} // 100) % 100, {sql} % 100)"
    if family == "datetime" and format != "ARROW":
        if format == "JSON":
            return f"s2.datetime_of_text({sql})"
        return (f"(make_timestamp({sql} >> 46, ({sql} >> 42) & 15, ({sql} >> 37) & 31, "
                f"({sql} >> 32) & 31, ({sql} >> 26) & 63, 0.0) + to_microseconds("
                f"(({sql} >> 20) & 63) * 1000000 + ({sql} & 1048575)))")  # fmt: skip
    if family == "time":
        if format == "ARROW":
            return f"s2.time_clip({sql})"
        if format == "JSON":
            return f"s2.time_of_text({sql})"
        seconds = f"(abs({sql}) // 1000000)"
        return (f"s2.time_clip(sign({sql}) * (({seconds} // 10000 * 3600 + ({seconds} // 100) % 100"
                f" * 60 + {seconds} % 100) * 1000000 + abs({sql}) % 1000000))")  # fmt: skip
    return f"CAST({sql} AS {storage})"


# -- results in DuckDB's shape ---------------------------------------------------------------


def saturated(column: Any, kind: SqlType) -> Any:
    """Return whole numbers brought into the range of their declared type."""
    import pyarrow as pa
    import pyarrow.compute as pc

    bounds = kind.range
    if bounds is None or not pa.types.is_integer(column.type):
        return column
    low, high = (pa.scalar(bound, column.type) for bound in bounds)
    column = pc.if_else(pc.less(column, low), low, column)
    return pc.if_else(pc.greater(column, high), high, column)


def in_order(ids: Any, column: Any, rows: int) -> Any:
    """Return the values of rows 0 to ``rows``, one each."""
    import numpy as np

    if len(ids) != rows:
        raise WireError(f"{len(ids)} rows for {rows}")
    expected = np.arange(rows)
    if np.array_equal(ids, expected):
        return column
    order = np.argsort(ids, kind="stable")
    if not np.array_equal(ids[order], expected):
        raise WireError("row numbers are missing or repeated")
    return column.take(order)


def as_lists(ids: Any, columns: list[Any], rows: int) -> Any:
    """Return, per row of the request, the list of its result rows."""
    import numpy as np
    import pyarrow as pa

    if len(ids) and (ids.min() < 0 or ids.max() >= rows):
        raise WireError("a row number that was not sent")
    order = np.argsort(ids, kind="stable")
    offsets = np.zeros(rows + 1, np.int32)
    np.cumsum(np.bincount(ids, minlength=rows), out=offsets[1:])
    sorted_already = np.array_equal(order, np.arange(len(ids)))
    taken = columns if sorted_already else [column.take(order) for column in columns]
    items = pa.StructArray.from_arrays(taken, [f"c{i}" for i in range(1, len(taken) + 1)])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), items)


# -- codecs ----------------------------------------------------------------------------------


class Codec(Protocol):
    """A format."""

    media: str
    """Content type."""

    def encode(self, columns: list[Any], types: list[Type], rows: int) -> bytes:
        """Return a request's body; ``columns`` are Arrow arrays of ``rows`` values."""

    def decode(self, body: bytes, types: list[Type]) -> tuple[Any, list[Any]]:
        """Return row numbers (int64) and columns of an answer; raises ``WireError``."""


def _arrow_type(kind: Type) -> Any:
    import pyarrow as pa

    if kind.code == "n":
        precision, scale = kind.duckdb[8:-1].split(",")
        return pa.decimal128(int(precision), int(scale))
    return {
        "i": pa.int64(), "u": pa.uint64(), "f": pa.float64(), "s": pa.string(), "b": pa.binary(),
        "d": pa.date32(), "t": pa.timestamp("us"), "h": pa.int64(),
    }[kind.code]  # fmt: skip


class Json:
    """``{"data": [[row number, value, …], …]}``"""

    media = "application/json"

    def encode(self, columns: list[Any], types: list[Type], rows: int) -> bytes:
        """Return the body of a request."""
        lists = [column.to_pylist() for column in columns]
        try:
            return json.dumps({"data": list(zip(range(rows), *lists, strict=True))},
                              allow_nan=False).encode()  # fmt: skip
        except ValueError as exc:
            raise WireError("JSON has no NaN and no infinity") from exc

    def decode(self, body: bytes, types: list[Type]) -> tuple[Any, list[Any]]:
        """Return row numbers and columns."""
        import numpy as np
        import pyarrow as pa

        try:
            # Fractions stay texts, so that a DECIMAL keeps its digits.
            data = json.loads(body, parse_float=str)["data"]
            if any(len(row) != len(types) + 1 for row in data):
                raise WireError(f"a row has not {len(types) + 1} items")
            ids = np.array([int(row[0]) for row in data], np.int64)
            columns = [
                pa.array([_PYTHON[t.code](row[i]) for row in data], _arrow_type(t))
                for i, t in enumerate(types, 1)
            ]
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError,
                decimal.InvalidOperation, pa.ArrowException) as exc:  # fmt: skip
            raise WireError(str(exc) or type(exc).__name__) from exc
        return ids, columns


def _integer(value: Any) -> int | None:
    return None if value is None else int(decimal.Decimal(value))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


_PYTHON: dict[str, Callable[[Any], Any]] = {
    "i": _integer, "u": _integer, "s": _text,
    "f": lambda value: None if value is None else float(value),
}  # fmt: skip


class Rowdat1:
    """SingleStore's binary rows."""

    media = "application/octet-stream"

    def encode(self, columns: list[Any], types: list[Type], rows: int) -> bytes:
        """Return the body of a request."""
        import numpy as np
        import pyarrow as pa

        texts: dict[int, tuple[Any, Any, Any]] = {}
        """Column → (offsets, lengths, bytes)."""
        size = np.full(rows, 8 + 9 * len(types), np.int64)
        for i, (column, kind) in enumerate(zip(columns, types, strict=True)):
            if kind.code in "sb":
                filled = column.cast(pa.large_binary()).fill_null(b"")
                _, offsets, data = filled.buffers()
                start = np.frombuffer(offsets, np.int64)[filled.offset :][: rows + 1]
                lengths = np.diff(start)
                texts[i] = start, lengths, np.frombuffer(data or b"", np.uint8)
                size += lengths
        ends = np.cumsum(size)
        place = ends - size
        out = np.zeros(int(ends[-1]) if rows else 0, np.uint8)
        eight = np.arange(8)
        _put(out, place[:, None] + eight, np.arange(rows))
        place = place + 8
        for i, column in enumerate(columns):
            out[place] = np.asarray(column.is_null())
            if i in texts:
                start, lengths, data = texts[i]
                _put(out, place[:, None] + 1 + eight, lengths)
                total = int(start[-1] - start[0])
                to = np.repeat(place + 9 - start[:-1], lengths) + np.arange(total) + start[0]
                out[to] = data[start[0] : start[-1]]
                place = place + 9 + lengths
            else:
                values = column.fill_null(0).to_numpy(zero_copy_only=False)
                _put(out, place[:, None] + 1 + eight, values)
                place = place + 9
        return out.tobytes()

    def decode(self, body: bytes, types: list[Type]) -> tuple[Any, list[Any]]:
        """Return row numbers and columns."""
        import numpy as np
        import pyarrow as pa

        data = np.frombuffer(body, np.uint8)
        starts = self._starts(body, types)
        eight = np.arange(8)
        ids = data[starts[0][:, None] + eight].view(np.int64).reshape(-1)
        columns = []
        for at, kind in zip(starts[1:], types, strict=True):
            null = data[at].astype(bool)
            raw = data[at[:, None] + 1 + eight]
            if kind.code not in "sb":
                values = raw.view({"i": "<i8", "u": "<u8", "f": "<f8"}[kind.code]).reshape(-1)
                columns.append(pa.array(values, mask=null))
                continue
            lengths = raw.view(np.int64).reshape(-1)
            offsets = np.zeros(len(lengths) + 1, np.int64)
            np.cumsum(lengths, out=offsets[1:])
            total = int(offsets[-1])
            taken = data[np.repeat(at + 9 - offsets[:-1], lengths) + np.arange(total)]
            valid = pa.array(~null).buffers()[1]
            column = pa.Array.from_buffers(
                pa.large_binary(), len(lengths), [valid, pa.py_buffer(offsets), pa.py_buffer(taken)]
            )
            try:
                columns.append(column.cast(_arrow_type(kind)))
            except pa.ArrowException as exc:
                raise WireError("a text is not UTF-8") from exc
        return ids, columns

    @staticmethod
    def _starts(body: bytes, types: list[Type]) -> list[Any]:
        """Return the offsets of row numbers and of each column's cells."""
        import numpy as np

        end = len(body)
        varying = [kind.code in "sb" for kind in types]
        if not any(varying):
            stride = 8 + 9 * len(types)
            if end % stride:
                raise WireError(f"{end} bytes are no multiple of {stride}")
            rows = np.arange(0, end, stride)
            return [rows, *(rows + 8 + 9 * i for i in range(len(types)))]
        # Where a row starts is known from the lengths in the one before it only.
        found: list[list[int]] = [[] for _ in range(len(types) + 1)]
        length_at = struct.Struct("<q").unpack_from
        at = 0
        try:
            while at < end:
                found[0].append(at)
                at += 8
                for i, varies in enumerate(varying, 1):
                    found[i].append(at)
                    at += 9
                    if varies:
                        length = length_at(body, at - 8)[0]
                        if length < 0:
                            raise WireError("a length below 0")
                        at += length
        except struct.error:
            at = end + 1
        if at != end:
            raise WireError("it ends inside a row")
        return [np.array(places, np.int64) for places in found]


def _put(out: Any, places: Any, values: Any) -> None:
    """Write 8-byte values to ``places`` (rows × 8)."""
    import numpy as np

    out[places] = np.ascontiguousarray(values).view(np.uint8).reshape(-1, 8)


class Arrow:
    """An Arrow IPC file: the row numbers, then the columns; no bytes for no rows."""

    media = "application/vnd.apache.arrow.file"

    def encode(self, columns: list[Any], types: list[Type], rows: int) -> bytes:
        """Return the body of a request."""
        import pyarrow as pa

        arrays = [pa.array(range(rows), pa.int64())]
        for column, kind in zip(columns, types, strict=True):
            arrays.append(column.cast(pa.duration("us")) if kind.code == "h" else column)
        names = ["row_id", *(f"a{i}" for i in range(1, len(arrays)))]
        table = pa.table(arrays, names)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        data: bytes = sink.getvalue().to_pybytes()
        return data

    def decode(self, body: bytes, types: list[Type]) -> tuple[Any, list[Any]]:
        """Return row numbers and columns."""
        import numpy as np
        import pyarrow as pa

        if not body:
            return np.zeros(0, np.int64), [pa.array([], _arrow_type(t)) for t in types]
        try:
            table = pa.ipc.open_file(pa.BufferReader(body)).read_all()
            if table.num_columns != len(types) + 1:
                raise WireError(f"{table.num_columns} columns, {len(types) + 1} are expected")
            ids = table.column(0).cast(pa.int64()).combine_chunks()
            columns = []
            for column, kind in zip(table.columns[1:], types, strict=True):
                if kind.code == "h":
                    column = column.cast(pa.duration("us"))
                typed = column.cast(_arrow_type(kind))
                empty = pa.array([], _arrow_type(kind))
                columns.append(pa.concat_arrays([empty, *typed.chunks]))
        except (pa.ArrowException, ValueError, TypeError) as exc:
            raise WireError(str(exc).split("\n")[0]) from exc
        return np.asarray(ids), columns


CODECS: dict[str, Codec] = {"JSON": Json(), "ROWDAT_1": Rowdat1(), "ARROW": Arrow()}
