"""The REST client that every manager is."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar
from urllib.parse import urljoin

from singlestoredb import config
from singlestoredb.exceptions import OperationalError

from . import timing
from ._entity import Shown
from ._environment import get_organization_id, get_token, is_jwt
from ._locks import (
    LOCK_ERROR_RE,
    LOCK_RETRY_JITTER,
    LOCK_RETRY_MAX_INTERVAL,
    is_lock_error,
    lock_retry_policy,
    lock_retry_wait,
    retry_on_lock,
)
from ._transport import (
    RETRY_METHODS,
    RETRY_STATUSES,
    api_error,
    attempts,
    build_retry,
    check_base_url,
    default_timeout,
    load_requests,
    new_session,
    origin,
    redact,
    scrub,
    sensitive_texts,
)
from .errors import ManagementError, TransportError, WaitTimeoutError

if TYPE_CHECKING:
    import requests

__all__ = [
    "LOCK_ERROR_RE",
    "LOCK_RETRY_JITTER",
    "LOCK_RETRY_MAX_INTERVAL",
    "RETRY_METHODS",
    "RETRY_STATUSES",
    "Manager",
    "build_retry",
    "default_timeout",
    "get_token",
    "is_jwt",
    "is_lock_error",
    "lock_retry_policy",
    "lock_retry_wait",
    "retry_on_lock",
    "set_organization",
]

T = TypeVar("T")
TokenSource = Callable[[], str]

_VERSION = re.compile(r"v\d\w*")
_MAX_REDIRECTS = 5
_ACCESS_DENIED = 1045  # the server's "access denied": it is there and answers
_END_STATES = frozenset({"failed", "terminated", "deleted", "error"})


def set_organization(kwargs: dict[str, Any]) -> None:
    """Add the organization that the environment names to the query, unless there is one."""
    organization = get_organization_id()
    params = kwargs.get("params") or {}
    if organization and "organizationID" not in params:
        kwargs["params"] = {**params, "organizationID": organization}


class Manager(Shown):
    """One client of the management service.

    A manager holds a connection pool and a token.  It may be used by several threads, and as a
    context manager that closes the pool.  It cannot be pickled.
    """

    default_version: ClassVar[str] = "v2"
    """Version of the API when none is given."""
    default_base_url: ClassVar[str] = "https://api.singlestore.com"
    """Root of the service, when neither argument nor option gives one."""
    obj_type: ClassVar[str] = ""
    """What ``get_<obj_type>`` of this manager gets."""

    def __init__(
        self,
        access_token: str | TokenSource | None = None,
        version: str | None = None,
        base_url: str | None = None,
        *,
        organization_id: str | None = None,
    ) -> None:
        """Make a client; no request is sent.

        ``access_token`` is a token, or a function that returns the current one: it is called
        before each request, and again when the service answers that the token has expired.
        Without it the token comes from the option ``management.token`` or from the current
        user's credentials.  ``organization_id`` selects an organization for all requests.
        Raise :class:`ManagementError` without a token, or if it must not be sent to
        ``base_url``; ``ImportError`` without requests.
        """
        self.version = version or self.default_version
        if not _VERSION.fullmatch(self.version):
            raise ManagementError(msg=f"API version must look like v1, got {self.version!r}")
        root = check_base_url(
            base_url or config.get_option("management.base_url") or self.default_base_url
        )
        self._origin = origin(root)
        self._base_url = urljoin(root, self.version) + "/"
        self._params = {"organizationID": organization_id} if organization_id else {}
        self._token_source: TokenSource | None = None
        self._is_jwt = False
        if callable(access_token):
            self._token_source = access_token
            token: str | None = access_token()
        else:
            token = access_token or get_token()
            self._is_jwt = not access_token and token is not None and is_jwt(token)
        if not token:
            raise ManagementError(
                msg="No management token was given.",
                hint="pass access_token, or set SINGLESTOREDB_MANAGEMENT_TOKEN",
            )
        self._sess = new_session(root)
        self._set_token(token)

    def __repr__(self) -> str:
        scheme, host, port = self._origin
        return f"{type(self).__name__}(base_url='{scheme}://{host}:{port}', {self.version!r})"

    def _shown(self) -> dict[str, Any]:
        return {"base_url": self._base_url, "version": self.version}

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds a token and cannot be pickled")

    def __deepcopy__(self: T, memo: dict[int, Any]) -> T:
        # Copies of what it manages share it.
        return self

    def __enter__(self: T) -> T:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the service; the next request opens new ones."""
        self._sess.close()

    # -- tokens --

    def _set_token(self, token: str) -> None:
        if not token.isascii() or not token.isprintable() or " " in token:
            raise ManagementError(msg="the management token holds characters that no token has")
        self._sess.headers["Authorization"] = f"Bearer {token}"

    def _refresh_token(self) -> bool:
        """Ask the source for the current token; say whether it is another one."""
        if self._token_source is not None:
            token: str | None = self._token_source()
        elif self._is_jwt:
            token = get_token()
        else:
            return False
        before = self._sess.headers.get("Authorization")
        if token:
            self._set_token(token)
        return self._sess.headers.get("Authorization") != before

    def _secrets(self, kwargs: dict[str, Any]) -> list[str]:
        header = str(self._sess.headers.get("Authorization", ""))
        out = list(sensitive_texts(kwargs.get("json")))
        if token := header.removeprefix("Bearer "):
            out.append(token)
        return out

    # -- requests --

    def _get(self, path: str, **kwargs: Any) -> requests.Response:
        return self._request("get", path, **kwargs)

    def _post(self, path: str, **kwargs: Any) -> requests.Response:
        return self._request("post", path, **kwargs)

    def _put(self, path: str, **kwargs: Any) -> requests.Response:
        return self._request("put", path, **kwargs)

    def _delete(self, path: str, **kwargs: Any) -> requests.Response:
        return self._request("delete", path, **kwargs)

    def _patch(self, path: str, **kwargs: Any) -> requests.Response:
        return self._request("patch", path, **kwargs)

    def _request(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        """Send a request and check the answer.

        ``path`` is relative to the API's version; a leading slash makes it relative to the
        service's root.
        """
        kwargs["params"] = {**self._params, **(kwargs.get("params") or {})}
        set_organization(kwargs)
        kwargs.setdefault("timeout", default_timeout())
        self._refresh_token()
        res = self._doit(method, path, **kwargs)
        if res.status_code == 401 and self._refresh_token():
            # The service refused before acting, so that any method can be repeated.
            res.close()
            _rewind(kwargs.get("data"))
            res = self._doit(method, path, **kwargs)
        return self._check(res, path, kwargs)

    def _doit(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        url = urljoin(self._base_url, path)
        for _ in range(_MAX_REDIRECTS):
            if origin(url) != self._origin:
                raise ManagementError(
                    msg=f"refused to go to {'://'.join(origin(url)[:2])}",
                    hint="the token is only sent to the configured service",
                )
            res = self._send(method, url, path, **kwargs)
            if not res.is_redirect:
                return res
            if method not in ("get", "head"):
                break
            url = urljoin(url, res.headers["Location"])
            kwargs.pop("params", None)
            res.close()
        raise ManagementError(
            msg=f"too many redirects, or one of a change: {method.upper()} {path}"
        )

    def _send(self, method: str, url: str, path: str, **kwargs: Any) -> requests.Response:
        started = timing.now()
        try:
            res = self._sess.request(method.upper(), url, allow_redirects=False, **kwargs)
        except load_requests().RequestException as exc:
            timing.record_request(method, path, timing.now() - started, started, error=exc)
            if exc.request is not None:
                exc.request.headers.pop("Authorization", None)
            detail = scrub(str(exc), self._secrets(kwargs))
            raise TransportError(
                msg=f"{type(exc).__name__}: {method.upper()} {url}: {detail}"
            ) from exc
        timing.record_request(method, path, timing.now() - started, started, response=res)
        return res

    def _check(
        self, res: requests.Response, path: str, kwargs: dict[str, Any]
    ) -> requests.Response:
        """Return an answer whose status is good; raise :class:`APIError` for any other."""
        if config.get_option("debug.queries"):
            shown = {k: redact(kwargs[k]) for k in ("params", "json") if kwargs.get(k)}
            print(res.status_code, res.request.method, path, shown, file=sys.stderr)  # noqa: T201  # the option asks for it
        if res.status_code < 400:
            return res
        if res.status_code == 404 and res.request.method == "DELETE" and attempts(res) > 1:
            # An earlier attempt did it, and only its answer was lost.
            return res
        with res:
            raise api_error(res, path, self._secrets(kwargs))

    # -- waiting --

    def _wait_on_state(
        self, out: T, state: str | list[str], interval: float = 20, timeout: float = 600
    ) -> T:
        """Return ``out``, refreshed, once it has one of the states.

        Both times are seconds.  Raise :class:`WaitTimeoutError`, or :class:`ManagementError` when
        it ends in a state that it will not leave.
        """
        targets = [state] if isinstance(state, str) else list(state)
        wanted = {t.strip().lower() for t in targets}
        label = f"{self.obj_type} state -> {', '.join(targets)}"
        remaining = timeout
        while True:
            current = getattr(out, "state", None)
            if not isinstance(current, str):
                raise ManagementError(msg=f"{type(out).__name__} has no state to wait on")
            current = current.strip()
            if current.lower() in wanted:
                return out
            if current.lower() in _END_STATES:
                raise ManagementError(
                    msg=f"{out} is {current}; it will never be {' or '.join(targets)}"
                )
            if remaining <= 0:
                raise WaitTimeoutError(
                    msg=f"Exceeded waiting time of {timeout:g} s for {self.obj_type} to become "
                    f"{' or '.join(targets)}; its state is {current}"
                )
            started = timing.now()
            timing.sleep(interval, label)
            out = getattr(self, f"get_{self.obj_type}")(getattr(out, "id"))  # noqa: B009  # T is any entity
            remaining -= timing.poll_cost(started, interval)

    def _wait_on_endpoint(self, out: T, interval: float = 10, timeout: float = 300) -> T:
        """Return ``out`` once its database answers; does nothing outside the notebook service.

        Only there is the endpoint sure to be reachable.  Both times are seconds.
        """
        from ._environment import in_notebook_service

        if not in_notebook_service():
            return out
        remaining = timeout
        while True:
            started = timing.now()
            try:
                with (
                    timing.timed(f"{self.obj_type} endpoint connect"),
                    getattr(out, "connect")(connect_timeout=5),  # noqa: B009  # T is any entity
                ):
                    return out
            except OperationalError as exc:
                if exc.errno == _ACCESS_DENIED:
                    return out
                error: Exception = exc
            except Exception as exc:
                # Whatever a half-started server makes of a client is a reason to wait.
                error = exc
            if remaining <= 0:
                raise WaitTimeoutError(
                    msg=f"Exceeded waiting time of {timeout:g} s for the endpoint of {out}"
                ) from error
            timing.sleep(interval, f"{self.obj_type} endpoint")
            remaining -= timing.poll_cost(started, interval)


def _rewind(body: Any) -> None:
    if hasattr(body, "seek"):
        body.seek(0)
