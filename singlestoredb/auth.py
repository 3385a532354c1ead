"""Signing on with a JSON Web Token, in the browser."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterable, Sequence
from typing import Any

from .config import get_option
from .exceptions import NotSupportedError

__all__ = ["BROWSER_SSO", "JWT", "PASSWORD", "SSO_URL", "JSONWebToken", "get_jwt"]

PASSWORD = "password"
JWT = "jwt"
BROWSER_SSO = "browser_sso"
SSO_URL = "https://portal.singlestore.com/engine-sso"

_MAX_TOKEN = 65_536
"""Bytes of the largest token taken; real ones have one or two thousand."""


class JSONWebToken:
    """A token and how to get the next one.

    ``str(token)`` is the token itself, for use as a password; ``repr`` does not show it.

    Args:
        token: the encoded token.
        expires: when it stops being valid; without a time zone it means UTC.
        email: whose it is.
        username: database user.
        url: sign-on page, for :meth:`refresh`.
        clusters: identifiers of the clusters it is for.
        databases: names of the databases it is for.
        timeout: seconds to wait for the browser in :meth:`refresh`.
    """

    model_version_number = 1

    def __init__(
        self,
        token: str,
        expires: datetime.datetime,
        email: str,
        username: str,
        url: str = SSO_URL,
        clusters: str | Sequence[str] | None = None,
        databases: str | Sequence[str] | None = None,
        timeout: float = 60,
    ) -> None:
        self.token = token
        self.expires = expires
        self.email = email
        self.username = username
        self.url = url
        self.clusters = clusters
        self.databases = databases
        self.timeout = timeout

    @classmethod
    def from_token(cls, token: bytes | str, verify_signature: bool = False) -> JSONWebToken:
        """Make one from an encoded token, whose claims it reads.

        The signature is for the database to verify: the SDK does not have the portal's key, and
        ``verify_signature=True`` is refused.

        Raises:
            ValueError: it is no token, or a claim is missing.
            NotSupportedError: PyJWT is not installed, or a verification was asked for.
        """
        if verify_signature:
            raise NotSupportedError(
                0, "the signature of a token cannot be verified: the SDK does not have the key"
            )
        try:
            import jwt
        except ImportError as exc:
            raise NotSupportedError(0, "tokens need PyJWT", hint="pip install PyJWT") from exc
        text = token if isinstance(token, str) else str(token, "ascii", "replace")
        try:
            claims = jwt.decode(text, options={"verify_signature": False})
        except jwt.exceptions.PyJWTError:
            # Not chained: the library's text may hold parts of the token.
            raise ValueError("what was received is not a JSON Web Token") from None
        username = claims.get("username") or claims.get("sub")
        if not username:
            raise ValueError("the token has no claim 'username' and none 'sub'")
        for name in ("email", "exp"):
            if not claims.get(name):
                raise ValueError(f"the token has no claim {name!r}")
        try:
            expires = datetime.datetime.fromtimestamp(claims["exp"], datetime.timezone.utc)
        except (TypeError, ValueError, OverflowError, OSError) as exc:
            raise ValueError("the token's claim 'exp' is no point in time") from exc
        return cls(text, expires=expires, email=claims["email"], username=username)

    def __str__(self) -> str:
        return self.token

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.username}, expires {self.expires.isoformat()}>"

    @property
    def is_expired(self) -> bool:
        """Whether it is valid no more."""
        expires = self.expires
        if expires.tzinfo is None:
            expires = expires.replace(tzinfo=datetime.timezone.utc)
        return expires <= datetime.datetime.now(datetime.timezone.utc)

    def refresh(self, force: bool = False) -> bool:
        """Sign on again when it has expired, or in any case; return whether it was renewed."""
        if not (force or self.is_expired):
            return False
        new = get_jwt(
            self.email,
            url=self.url,
            clusters=self.clusters,
            databases=self.databases,
            timeout=self.timeout,
        )
        self.token, self.expires, self.username = new.token, new.expires, new.username
        return True


def get_jwt(
    email: str,
    url: str = SSO_URL,
    clusters: str | Sequence[str] | None = None,
    databases: str | Sequence[str] | None = None,
    timeout: float = 60,
    browser: str | Iterable[str] | None = None,
) -> JSONWebToken:
    """Let the user sign on in the browser and return the token that comes of it.

    The page posts the token to a server that listens on 127.0.0.1 for as long as this waits.

    Args:
        email: who signs on.  A token of somebody else is refused.
        url: sign-on page.
        clusters: identifiers of the clusters to ask for.
        databases: names of the databases to ask for.
        timeout: seconds to wait.
        browser: name of the browser, or names to try in this order; otherwise the option
            ``sso_browser`` or the system's choice.

    Raises:
        RuntimeError: no browser can be opened, or nothing came in time.
        ValueError: what came is no good.
        NotSupportedError: PyJWT is not installed.
    """
    import http.server

    received: list[JSONWebToken | Exception] = []
    done = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 5  # seconds that a silent client may hold the server up
        server_version = "SingleStoreDB"
        sys_version = ""

        def do_POST(self) -> None:
            outcome: JSONWebToken | Exception
            try:
                status, outcome = 204, self._token()
            except (ValueError, NotSupportedError) as exc:
                status, outcome = 400, exc
            self.send_response(status)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            received.append(outcome)
            done.set()

        def _token(self) -> JSONWebToken:
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or not 0 < int(length) <= _MAX_TOKEN:
                raise ValueError("the sign-on page sent no token")
            token = JSONWebToken.from_token(self.rfile.read(int(length)))
            # Any page in the browser can post here; one's own token is all that it may achieve.
            if email.lower() not in (str(token.email).lower(), str(token.username).lower()):
                raise ValueError(f"the token is not {email}'s but {token.email}'s")
            token.url, token.clusters, token.databases = url, clusters, databases
            token.timeout = timeout
            return token

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            _open_browser(
                _sign_on_url(url, email, server.server_address[1], clusters, databases), browser
            )
            if not done.wait(timeout):
                raise RuntimeError("Timeout waiting for token")
        finally:
            server.shutdown()
            thread.join()
    outcome = received[0]
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _sign_on_url(
    url: str,
    email: str,
    port: int,
    clusters: str | Sequence[str] | None,
    databases: str | Sequence[str] | None,
) -> str:
    from urllib.parse import urlencode

    query = {"email": email, "returnTo": f"http://127.0.0.1:{port}"}
    for name, values in (("db", databases), ("cluster", clusters)):
        if values:
            query[name] = values if isinstance(values, str) else ",".join(values)
    return f"{url}?{urlencode(query)}"


def _open_browser(url: str, browser: str | Iterable[str] | None) -> None:
    """Open the page in the first browser that can be opened."""
    import sys
    import webbrowser

    names: list[str | None]
    chosen = browser or get_option("sso_browser")
    if chosen:
        names = [chosen] if isinstance(chosen, str) else list(chosen)
    elif sys.platform == "darwin":
        # Safari refuses pages of https that post to http, even on this machine.
        names = ["chrome", "google-chrome", "chromium", "chromium-browser", "firefox"]
    else:
        names = [None]
    for name in names:
        try:
            if webbrowser.get(name).open(url):
                return
        except webbrowser.Error:
            continue
    raise RuntimeError("Could not find compatible web browser for accessing JWT")
