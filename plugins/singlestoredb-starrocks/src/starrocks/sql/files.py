"""``FILES()``: load from and unload to object storage.

::

    from starrocks.sql.files import AmazonS3, FilesTarget, InsertIntoFiles, ParquetFormat

    target = FilesTarget(AmazonS3(uri="s3://bucket/dir/", region="eu-west-1"), ParquetFormat())
    connection.execute(InsertIntoFiles(target=target, from_=select(orders)))

Every value is written as a quoted, escaped string, which is the only form ``FILES`` takes.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.sql.elements import ColumnElement
    from sqlalchemy.sql.selectable import SelectBase


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class Compression(str, enum.Enum):
    """How files are compressed."""

    NONE = "uncompressed"
    DEFLATE = "deflate"
    BZIP2 = "bzip2"
    GZIP = "gzip"
    LZ4 = "lz4"
    LZ4_FRAME = "lz4_frame"
    ZSTD = "zstd"
    SNAPPY = "snappy"
    ZLIB = "zlib"


# --- storage ----------------------------------------------------------------------------------


class Storage:
    """Where files are: a *uri* and the credentials to reach it.

    Parameters left ``None`` are not written; keywords that are not parameters are written as given.
    Raise ``ValueError`` if the scheme of *uri* is not one of this storage.
    """

    schemes: ClassVar[tuple[str, ...]]
    prefix: ClassVar[str]
    parameters: ClassVar[tuple[str, ...]]

    def __init__(self, *, uri: str, **parameters: object) -> None:
        scheme = uri.partition("://")[0]
        if "://" not in uri or scheme not in self.schemes:
            raise ValueError(
                f"{type(self).__name__} is reached by {' or '.join(self.schemes)}://…, not {uri!r}"
            )
        self.uri = uri
        self._parameters = parameters

    def items(self) -> Iterator[tuple[str, str]]:
        """Yield the keys and values of ``FILES``."""
        yield "path", self.uri
        for name in self.parameters:
            value = self._parameters.get(name)
            if value is not None:
                yield (f"{self.prefix}.{name}" if self.prefix else name), _text(value)
        for name, value in self._parameters.items():
            if name not in self.parameters and value is not None:
                yield name, _text(value)

    def __repr__(self) -> str:  # without credentials
        return f"{type(self).__name__}(uri={self.uri!r})"


class AmazonS3(Storage):
    """Amazon S3."""

    schemes = ("s3",)
    prefix = "aws.s3"
    parameters = ("use_instance_profile", "iam_role_arn", "region", "access_key", "secret_key")


class OtherS3Compatible(Storage):
    """A store that speaks the protocol of S3, such as MinIO."""

    schemes = ("s3",)
    prefix = "aws.s3"
    parameters = (
        "enable_ssl",
        "enable_path_style_access",
        "access_key",
        "secret_key",
        "endpoint",
    )


OtherS3Compatibile = OtherS3Compatible  # the spelling of earlier releases

_AZURE_OAUTH2 = (
    "oauth2_use_managed_identity",
    "oauth2_client_id",
    "oauth2_client_secret",
    "oauth2_tenant_id",
)


class AzureBlobStorage(Storage):
    """Azure Blob Storage."""

    schemes = ("azure", "wasb", "wasbs")
    prefix = "azure.blob"
    parameters = ("shared_key", "sas_token", *_AZURE_OAUTH2)


class AzureDataLakeStorage1(Storage):
    """Azure Data Lake Storage Gen1."""

    schemes = ("adl",)
    prefix = "azure.adls1"
    parameters = ("shared_key", "storage_account", *_AZURE_OAUTH2)


class AzureDataLakeStorage2(Storage):
    """Azure Data Lake Storage Gen2."""

    schemes = ("abfs", "abfss")
    prefix = "azure.adls2"
    parameters = ("shared_key", "storage_account", *_AZURE_OAUTH2)


class GoogleCloudStorage(Storage):
    """Google Cloud Storage."""

    schemes = ("gs",)
    prefix = "gcp.gcs"
    parameters = (
        "use_compute_engine_service_account",
        "service_account_email",
        "service_account_private_key_id",
        "service_account_private_key",
        "impersonation_service_account",
    )


class HadoopHDFSStorage(Storage):
    """HDFS with simple authentication."""

    schemes = ("hdfs",)
    prefix = ""
    parameters = ("username", "password")

    def items(self) -> Iterator[tuple[str, str]]:
        yield "path", self.uri
        yield "hadoop.security.authentication", "simple"
        yield from (item for item in super().items() if item[0] != "path")


# --- formats ----------------------------------------------------------------------------------


class FileFormat:
    """A file format and its settings."""

    name: ClassVar[str]

    def __init__(self, *, compression: Compression | None = None, **settings: object) -> None:
        self._compression = compression
        self._settings = settings

    def items(self) -> Iterator[tuple[str, str]]:
        """Yield the keys and values of ``FILES``."""
        yield "format", self.name
        if self._compression is not None:
            yield "compression", self._compression.value
        for name, value in self._settings.items():
            if value is not None:
                yield f"{self.name}.{name}", _text(value)


def _delimiter(name: str, value: str | None) -> None:
    if value is not None and len(value) != 1 and value != "\r\n":
        raise TypeError(f"{name} is one character or CRLF, not {value!r}")


class CSVFormat(FileFormat):
    """Delimited text.

    Delimiters are one character or CRLF; *row_delimiter* and *line_delimiter* exclude each other.
    Raise ``TypeError`` for a value StarRocks cannot take.
    """

    name = "csv"

    def __init__(
        self,
        *,
        column_separator: str | None = None,
        row_delimiter: str | None = None,
        line_delimiter: str | None = None,
        enclose: str | None = None,
        escape: str | None = None,
        skip_header: int | None = None,
        trim_space: bool | None = None,
        compression: Compression | None = None,
    ) -> None:
        _delimiter("column_separator", column_separator)
        _delimiter("row_delimiter", row_delimiter)
        _delimiter("line_delimiter", line_delimiter)
        if row_delimiter is not None and line_delimiter is not None:
            raise TypeError("give row_delimiter or line_delimiter, not both")
        if enclose is not None and enclose not in ("'", '"', "`"):
            raise TypeError(f"enclose is a quotation mark, not {enclose!r}")
        if escape not in (None, "\\", ""):
            raise TypeError(f"escape is a backslash or empty, not {escape!r}")
        if skip_header is not None and (isinstance(skip_header, bool) or skip_header < 0):
            raise TypeError(f"skip_header is a number of lines, not {skip_header!r}")
        super().__init__(
            compression=compression,
            row_delimiter=row_delimiter,
            line_delimiter=line_delimiter,
            column_separator=column_separator,
            enclose=enclose,
            escape=escape,
            skip_header=skip_header,
            trim_space=trim_space,
        )


class ParquetFormat(FileFormat):
    """Apache Parquet."""

    name = "parquet"

    def __init__(
        self,
        *,
        use_legacy_encoding: bool | None = None,
        version: str | None = None,
        compression: Compression | None = None,
    ) -> None:
        super().__init__(
            compression=compression, use_legacy_encoding=use_legacy_encoding, version=version
        )


class ORCFormat(FileFormat):
    """Apache ORC."""

    name = "orc"

    def __init__(self, *, compression: Compression | None = None) -> None:
        super().__init__(compression=compression)


class AVROFormat(FileFormat):
    """Apache Avro."""

    name = "avro"

    def __init__(self) -> None:
        super().__init__()


# --- options ----------------------------------------------------------------------------------


class FilesOptions:
    """Base of the options of one direction; keywords that are not known come first, as given."""

    parameters: ClassVar[tuple[str, ...]]

    def __init__(self, **options: object) -> None:
        self._options = options

    def items(self) -> Iterator[tuple[str, str]]:
        """Yield the keys and values of ``FILES``."""
        names = [name for name in self._options if name not in self.parameters]
        names += [name for name in self.parameters if name in self._options]
        for name in names:
            value = self._options[name]
            if value is not None:
                listed = isinstance(value, Sequence) and not isinstance(value, str)
                yield name, ",".join(map(_text, value)) if listed else _text(value)  # type: ignore[call-overload]  # a sequence, see above


class FilesTargetOptions(FilesOptions):
    """How to write: *single*, *target_max_files_size* (bytes), *partitioned_by* (columns)."""

    parameters = ("single", "target_max_files_size", "partitioned_by")


class FilesSourceOptions(FilesOptions):
    """How to read: *list_files_only*, *list_recursively*, *columns_from_path* (columns)."""

    parameters = ("list_files_only", "list_recursively", "columns_from_path")


# --- clauses ----------------------------------------------------------------------------------


class FilesClause(FunctionElement[Any]):
    """``FILES(…)``; in a SELECT, use :meth:`table_valued` to name the columns."""

    __visit_name__ = "starrocks_files"
    inherit_cache = False

    def __init__(
        self,
        storage: Storage,
        format: FileFormat | None = None,
        options: FilesOptions | None = None,
    ) -> None:
        super().__init__()
        self._parts = (storage, format, options)

    def items(self) -> Iterator[tuple[str, str]]:
        """Yield all keys and values, in the order storage, format, options."""
        for part in self._parts:
            if part is not None:
                yield from part.items()


class FilesTarget(FilesClause):
    """Files to write."""

    inherit_cache = False


class FilesSource(FilesClause):
    """Files to read."""

    inherit_cache = False


class InsertIntoFiles(Executable, ClauseElement):
    """``INSERT INTO FILES(…) SELECT …``: write the result of a query to files."""

    __visit_name__ = "starrocks_insert_into_files"
    inherit_cache = False

    def __init__(self, target: FilesTarget, from_: SelectBase) -> None:
        self.target = target
        self.from_ = from_


class InsertFromFiles(Executable, ClauseElement):
    """``INSERT INTO table SELECT … FROM FILES(…)``: load files into a table."""

    __visit_name__ = "starrocks_insert_from_files"
    inherit_cache = False

    def __init__(
        self,
        target: Table,
        from_: FilesSource,
        columns: Literal["*"] | Sequence[str | ColumnElement[Any]] = "*",
    ) -> None:
        self.target = target
        self.from_ = from_
        self.columns = columns


__all__ = [
    "AVROFormat",
    "AmazonS3",
    "AzureBlobStorage",
    "AzureDataLakeStorage1",
    "AzureDataLakeStorage2",
    "CSVFormat",
    "Compression",
    "FileFormat",
    "FilesOptions",
    "FilesSource",
    "FilesSourceOptions",
    "FilesTarget",
    "FilesTargetOptions",
    "GoogleCloudStorage",
    "HadoopHDFSStorage",
    "InsertFromFiles",
    "InsertIntoFiles",
    "ORCFormat",
    "OtherS3Compatibile",
    "OtherS3Compatible",
    "ParquetFormat",
    "Storage",
]
