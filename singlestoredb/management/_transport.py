"""Below the managers: sessions, retries, time-outs, and errors made of answers.

``requests`` and ``urllib3`` are imported when the first session is made.
"""

from __future__ import annotations

import functools
import http.client
import json
import logging
import os
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from singlestoredb._version import __version__

from . import timing
from .errors import APIError, ManagementError, RateLimitError, error_class

if TYPE_CHECKING:
    from types import ModuleType

    import requests
    from urllib3.util.retry import Retry

RETRY_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""Methods that can be repeated without doing a thing twice (RFC 9110, section 9.2.2)."""
RETRY_STATUSES = frozenset({429, 500, 502, 503, 504})
"""Statuses that may pass."""
RETRY_AFTER_MAX = 60.0
"""Seconds; a service that asks for a longer pause gets this one."""

_ERROR_TEXT_MAX = 4096
_SENSITIVE = re.compile(r"passw|secret|token|credential|private|access_?key|api_?key", re.I)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_REQUEST_ID_HEADERS = ("X-Request-ID", "Request-Id", "X-Amzn-RequestId", "X-Correlation-ID")

logger = logging.getLogger("singlestoredb.management")


def load_requests() -> ModuleType:
    """Return the module ``requests``; raise ``ImportError`` that says how to install it."""
    try:
        import requests
    except ImportError as exc:
        raise ImportError(
            "the management API needs requests: pip install 'singlestoredb[management]'",
            name="requests",
        ) from exc
    return requests


# -- settings --


def setting(name: str, default: float, maximum: float = 86_400) -> float:
    """Return the number in ``SINGLESTOREDB_MANAGEMENT_<name>``, or the default.

    Raise :class:`ManagementError` when it is no number between 0 and ``maximum``.
    """
    variable = f"SINGLESTOREDB_MANAGEMENT_{name}"
    text = os.environ.get(variable)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= maximum:
        raise ManagementError(
            msg=f"{variable} must be a number from 0 to {maximum:g}, got {text!r}"
        )
    return value


def default_timeout() -> tuple[float, float]:
    """Return seconds for connecting, and between two pieces of an answer."""
    return setting("CONNECT_TIMEOUT", 10.0), setting("READ_TIMEOUT", 180.0)


@functools.lru_cache(maxsize=1)
def _retry_class() -> type[Retry]:
    from urllib3.util.retry import Retry

    class PoliteRetry(Retry):
        """Waits as long as the service asks, within reason; all waiting is recorded."""

        def get_retry_after(self, response: Any) -> float | None:
            seconds = super().get_retry_after(response)
            return None if seconds is None else min(seconds, RETRY_AFTER_MAX)

        def sleep(self, response: Any = None) -> None:
            seconds: float | None = None
            if response is not None and self.respect_retry_after_header:
                seconds = self.get_retry_after(response)
            if seconds is None:
                seconds = self.get_backoff_time()
            if seconds > 0:
                timing.sleep(seconds, "retry")

    return PoliteRetry


def build_retry() -> Retry:
    """Return the retry policy: how often, for which methods and statuses, with what pauses."""
    attempts = int(setting("RETRIES", 4, 100))
    backoff = setting("RETRY_BACKOFF", 0.5, 60)
    return _retry_class()(
        total=attempts,
        connect=attempts,
        read=attempts,
        status=attempts,
        redirect=0,
        other=0,
        backoff_factor=backoff,
        backoff_jitter=backoff / 2,
        allowed_methods=RETRY_METHODS,
        status_forcelist=RETRY_STATUSES,
        respect_retry_after_header=True,
        raise_on_status=False,  # so that the service's words can be quoted
    )


@functools.lru_cache(maxsize=1)
def _adapter_class() -> type[requests.adapters.HTTPAdapter]:
    adapters = load_requests().adapters

    class Adapter(adapters.HTTPAdapter):  # type: ignore[name-defined,misc]  # imported late on purpose
        """Sends bodies in larger pieces than http.client's 8 KiB."""

        def init_poolmanager(self, *args: Any, **kwargs: Any) -> Any:
            return super().init_poolmanager(*args, blocksize=262_144, **kwargs)

    return Adapter


def _keep_header(request: Any) -> Any:
    return request


def new_session(base_url: str) -> requests.Session:
    """Return a session with our headers, retries and connection pool, without a token."""
    requests_module = load_requests()
    session: requests.Session = requests_module.Session()
    # What is meant for this machine must not leave it by a proxy of the environment.
    session.trust_env = not _is_loopback(base_url)
    session.headers.update(
        {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": f"SingleStoreDB-Python/{__version__}",
        }
    )
    # Any authenticator stops requests from replacing our token by an entry of ~/.netrc.
    session.auth = _keep_header
    for scheme in ("http://", "https://"):
        session.mount(scheme, _adapter_class()(max_retries=build_retry(), pool_maxsize=16))
    return session


# -- addresses --

_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|::1")


def _is_loopback(url: str) -> bool:
    host = urllib.parse.urlsplit(url).hostname
    return host is not None and _LOOPBACK.fullmatch(host) is not None


def check_base_url(url: str) -> str:
    """Return the service's root, ending in ``/``, if a token may be sent there.

    It must be https; plain http only to this machine, or when the environment variable
    ``SINGLESTOREDB_MANAGEMENT_ALLOW_HTTP`` is 1.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ManagementError(msg=f"base URL must start with https://host, got {_no_userinfo(url)}")
    if parts.username or parts.password:
        raise ManagementError(
            msg=f"base URL must not hold credentials: {_no_userinfo(url)}",
            hint="pass the token as access_token",
        )
    in_the_clear = parts.scheme == "http" and not _is_loopback(url)
    if in_the_clear and os.environ.get("SINGLESTOREDB_MANAGEMENT_ALLOW_HTTP") != "1":
        raise ManagementError(
            msg=f"refused to send a token in the clear to {parts.hostname}",
            hint="use https, or set SINGLESTOREDB_MANAGEMENT_ALLOW_HTTP=1",
        )
    return url.rstrip("/") + "/"


def _no_userinfo(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//***@", url)


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL."""
    parts = urllib.parse.urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, (parts.hostname or "").lower(), port


# -- secrets --


def _is_sensitive(key: object, body: Mapping[Any, Any]) -> bool:
    # {"name": …, "value": …} is a secret of the organization.
    return bool(_SENSITIVE.search(str(key))) or (
        key == "value" and body.keys() <= {"name", "value"}
    )


def sensitive_texts(body: Any, *, inside: bool = False) -> Iterator[str]:
    """Yield the texts of a request's body that nobody may see in an error or a log."""
    if isinstance(body, Mapping):
        for key, value in body.items():
            yield from sensitive_texts(value, inside=inside or _is_sensitive(key, body))
    elif isinstance(body, (list, tuple)):
        for value in body:
            yield from sensitive_texts(value, inside=inside)
    elif inside and isinstance(body, str) and body:
        yield body


def redact(body: Any) -> Any:
    """Return a copy of a request's body with its secrets replaced by asterisks."""
    if isinstance(body, Mapping):
        return {
            k: "***" if v is not None and _is_sensitive(k, body) else redact(v)
            for k, v in body.items()
        }
    if isinstance(body, (list, tuple)):
        return [redact(v) for v in body]
    return body


def scrub(text: str, secrets: Iterator[str] | list[str]) -> str:
    """Return text from outside, fit for an error: no secrets, no control codes, not too long."""
    spellings: set[str] = set()
    for secret in secrets:
        # As it is, and as an answer may repeat it.
        spellings |= {secret, json.dumps(secret)[1:-1], urllib.parse.quote(secret, safe="")}
    # The longest first: one secret may be part of another.
    for secret in sorted(spellings, key=len, reverse=True):
        text = text.replace(secret, "***")
    if len(text) > _ERROR_TEXT_MAX:
        text = text[:_ERROR_TEXT_MAX] + "…"
    return _CONTROL.sub(lambda m: f"\\x{ord(m[0]):02x}", text).strip()


# -- errors --


def _words(res: requests.Response, text: str) -> tuple[str, str | None, str | None]:
    """Return message, code and request ID of an error's body; plain text is the message."""
    try:
        body = res.json()
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        return text, None, None
    inner = body.get("error")
    if isinstance(inner, dict):
        body = {**body, **inner, "error": None}

    def first(*keys: str) -> str | None:
        for key in keys:
            value = body.get(key)
            if isinstance(value, (str, int)) and not isinstance(value, bool) and value != "":
                return str(value)
        return None

    message = first("message", "detail", "msg", "error_description", "error", "title")
    return message or text, first("code", "errorCode"), first("requestID", "requestId")


def _body_text(res: requests.Response) -> str:
    """Return the start of an error's body; a body may be cut short or endless."""
    try:
        if not getattr(res, "_content_consumed", False):
            chunks, size = [], 0
            for chunk in res.iter_content(8192):
                chunks.append(chunk)
                size += len(chunk)
                if size >= 16 * _ERROR_TEXT_MAX:
                    break
            res._content = b"".join(chunks)
    except OSError:  # as all errors of requests are
        res._content = b""
    return res.text


def attempts(res: requests.Response) -> int:
    """Return how often a request was sent until this answer came."""
    history = getattr(getattr(res.raw, "retries", None), "history", ())
    return 1 + len(history or ())


def api_error(res: requests.Response, path: str, secrets: list[str]) -> APIError:
    """Return the error for an answer whose status is 400 or above."""
    text = _body_text(res)
    message, code, request_id = _words(res, text)
    for header in _REQUEST_ID_HEADERS:
        request_id = request_id or res.headers.get(header)
    clean = scrub(message or res.reason or "no explanation", secrets)
    request_id = scrub(request_id, secrets) if request_id else None
    method = (res.request.method or "").upper()
    route = path.split("?", 1)[0].lstrip("/")
    place = f"{method} /{route}" + (f", request ID {request_id}" if request_id else "")
    error = error_class(res.status_code)(
        res.status_code,
        f"{clean}: {place}",
        scrub(text, secrets),
        code=None if code is None else scrub(code, secrets),
        request_id=request_id,
        method=method,
        path="/" + route,
        attempts=attempts(res),
        hint="check the token: it is wrong or has expired" if res.status_code == 401 else None,
    )
    if isinstance(error, RateLimitError):
        wait = res.headers.get("Retry-After", "")
        error.retry_after = float(wait) if wait.isdigit() else None
    return error


# -- tracing --

_HEADER_SECRET = re.compile(r"(?i)(authorization|cookie)(:\s*|\\?['\"]\s*,\s*b?['\"])[^\r\n\\]*")


def enable_http_tracing() -> None:
    """Log every request and its headers at level DEBUG, without tokens and bodies."""

    def log(*parts: object, **_: object) -> None:
        text = " ".join(str(part) for part in parts)
        # http.client hands over the repr of the bytes it sends; only headers are shown.
        if parts[:1] == ("send:",) and "HTTP/1.1" not in text:
            text = "send: (body)"
        logger.debug("%s", _HEADER_SECRET.sub(r"\1: ***", text.partition("\\r\\n\\r\\n")[0]))

    http.client.HTTPConnection.debuglevel = 1
    http.client.print = log  # type: ignore[attr-defined]  # how the module is meant to be redirected
    logging.basicConfig()
    for name in ("singlestoredb.management", "urllib3"):
        logging.getLogger(name).setLevel(logging.DEBUG)
