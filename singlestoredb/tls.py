"""What callers may pass as ``ssl=``, as one TLS context.

Drivers get an ``ssl.SSLContext`` to use as it is, ``True`` for "TLS is mandatory, and the ``ssl_*``
parameters say how", or nothing.  TLS that was asked for in any of these ways is never dropped.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl

_KEYS = frozenset(
    {"ca", "capath", "cert", "key", "password", "cipher", "check_hostname", "verify_mode"}
)
FLAT = ("ssl_ca", "ssl_cert", "ssl_key", "ssl_verify_cert", "ssl_verify_identity")
"""Parameters that ask for TLS by themselves."""


def as_context(value: Any) -> ssl.SSLContext | bool:
    """Return what was passed as ``ssl=`` as a context, or as whether TLS is wanted.

    An empty mapping means yes; text is read as a truth value, since that is how a URL says it.
    Raises ``ValueError`` for anything else, and for files and ciphers that cannot be used.
    """
    if isinstance(value, (bool, int, str)):
        from singlestoredb.config import check_bool

        return check_bool(value)
    if isinstance(value, Mapping):
        return _from_mapping(value) if value else True
    if hasattr(value, "wrap_socket"):
        return value  # type: ignore[no-any-return] # an SSLContext
    raise ValueError(
        f"an ssl.SSLContext, a mapping of {', '.join(sorted(_KEYS))}, or a bool is needed, not "
        f"{type(value).__name__}"
    )


def _from_mapping(settings: Mapping[str, Any]) -> ssl.SSLContext:
    """Return the context for PyMySQL's mapping.

    With an authority, certificate and name are verified unless ``verify_mode`` or
    ``check_hostname`` says otherwise; without one, they are verified when they say so.
    """
    import ssl

    unknown = sorted(set(settings) - _KEYS)
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not one of {', '.join(sorted(_KEYS))}")
    has_authority = bool(settings.get("ca") or settings.get("capath"))
    check_name = settings.get("check_hostname")
    mode = _verify_mode(settings.get("verify_mode"))
    if mode is None:
        mode = ssl.CERT_REQUIRED if has_authority or check_name else ssl.CERT_NONE
    if check_name is None:
        check_name = has_authority and mode is ssl.CERT_REQUIRED
    if check_name and mode is ssl.CERT_NONE:
        raise ValueError("check_hostname needs a certificate that is verified: verify_mode is none")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = bool(check_name)
    context.verify_mode = mode
    # Python 3.13 turns this on; certificates that servers make for themselves fail it.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    try:
        if has_authority:
            context.load_verify_locations(settings.get("ca"), settings.get("capath"))
        elif mode is not ssl.CERT_NONE:
            context.load_default_certs()
        if settings.get("cert"):
            context.load_cert_chain(settings["cert"], settings.get("key"), settings.get("password"))
        if settings.get("cipher"):
            context.set_ciphers(settings["cipher"])
    except OSError as exc:  # ssl.SSLError is one
        raise ValueError(f"a file or cipher cannot be used ({exc.strerror or exc})") from exc
    return context


def _verify_mode(value: Any) -> ssl.VerifyMode | None:
    import ssl

    if value is None or isinstance(value, ssl.VerifyMode):
        return value
    named = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
    text = str(value).lower()
    if text in named:
        return named[text]
    if text in ("1", "true", "yes", "on"):
        return ssl.CERT_REQUIRED
    if text in ("0", "false", "no", "off"):
        return ssl.CERT_NONE
    raise ValueError("verify_mode must be none, optional or required")


def use_files(
    context: ssl.SSLContext,
    ca: str | None,
    cert: str | None,
    key: str | None,
    cipher: str | None,
    verify: bool,
) -> None:
    """Give a context what ``ssl_ca``, ``ssl_cert``, ``ssl_key`` and ``ssl_cipher`` name.

    Without ``ca`` the machine's own authorities are trusted when ``verify`` says that the
    certificate is looked at.  Raises ``InterfaceError`` that names what cannot be used.
    """
    from singlestoredb.exceptions import InterfaceError

    what = f"ssl_ca {ca!r}"
    try:
        if ca:
            folder = os.path.isdir(ca)
            context.load_verify_locations(None if folder else ca, ca if folder else None)
        elif verify:
            context.load_default_certs()
        what = f"ssl_cert {cert!r}" + (f" with ssl_key {key!r}" if key else "")
        if cert:
            context.load_cert_chain(cert, key)
        what = f"ssl_cipher {cipher!r}"
        if cipher:
            context.set_ciphers(cipher)
    except OSError as exc:  # ssl.SSLError is one
        why = exc.strerror or (exc.args[-1] if exc.args else exc)
        raise InterfaceError(0, f"{what} cannot be used: {why}") from exc
