"""Hook specs of the families ``udf_codecs`` and ``udf_transports``: functions that the database
calls.

Entry-point groups ``singlestoredb.udf_codecs`` (name: the data format, ``rowdat_1``) and
``singlestoredb.udf_transports`` (name: ``asgi``, ``mmap``, …).
"""

from __future__ import annotations

from ._markers import hookspec
from .contracts import CodecRequest, TransportRequest, UdfCodec, UdfTransport


@hookspec(firstresult=True)
def s2_make_udf_codec(name: str, request: CodecRequest) -> UdfCodec | None:
    """Make the codec ``name`` for one function's signature.

    Called once per function, not per request.  Return ``None`` for a name that is not yours.

    Example::

        @hookimpl
        def s2_make_udf_codec(name, request):
            return AcmeCodec(request) if name == "acme" else None
    """


@hookspec(firstresult=True)
def s2_make_udf_transport(name: str, request: TransportRequest) -> UdfTransport | None:
    """Make the transport ``name`` for a set of functions; it serves when ``run`` is called.

    Return ``None`` for a name that is not yours.

    Example::

        @hookimpl
        def s2_make_udf_transport(name, request):
            return AcmeTransport(request) if name == "acme" else None
    """
