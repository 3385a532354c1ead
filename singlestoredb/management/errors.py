"""What can go wrong with the management service, each with a class of its own.

::

    singlestoredb.ManagementError
     ├─ APIError                 the service answered with an error status
     │   ├─ InvalidRequestError      400, 422
     │   ├─ AuthenticationError      401
     │   ├─ PermissionDeniedError    403
     │   ├─ NotFoundError            404
     │   ├─ ConflictError            409
     │   ├─ RateLimitError           429
     │   └─ ServerError              500 and above
     ├─ TransportError           no answer came: connection, TLS, time-out
     ├─ InvalidResponseError     an answer came that makes no sense
     └─ WaitTimeoutError         something did not happen in the time given

None of them ever holds a token, a password or the body of a request.
"""

from __future__ import annotations

from singlestoredb.exceptions import ManagementError

__all__ = [
    "APIError",
    "AuthenticationError",
    "ConflictError",
    "InvalidRequestError",
    "InvalidResponseError",
    "ManagementError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "ServerError",
    "TransportError",
    "WaitTimeoutError",
    "error_class",
]


class APIError(ManagementError):
    """The service answered with an error status.

    ``errno`` is the HTTP status and ``response`` the service's own words.
    """

    status: int
    """HTTP status; the same as ``errno``."""
    code: str | None
    """The service's name for the error, when its answer was JSON and had one."""
    request_id: str | None
    """What to quote to the service's support."""
    method: str
    """HTTP method of the request, upper case."""
    path: str
    """Path of the request, without its query."""
    attempts: int
    """How often the request was sent."""

    def __init__(
        self,
        errno: int,
        msg: str | None = None,
        response: str | None = None,
        *,
        code: str | None = None,
        request_id: str | None = None,
        method: str = "",
        path: str = "",
        attempts: int = 1,
        hint: str | None = None,
    ) -> None:
        super().__init__(errno, msg, response, hint=hint)
        self.status = errno
        self.code = code
        self.request_id = request_id
        self.method = method
        self.path = path
        self.attempts = attempts

    def _qualifier(self) -> str | None:
        return self.code


class InvalidRequestError(APIError):
    """The service does not understand or accept what was asked (400, 422)."""


class AuthenticationError(APIError):
    """The token is missing, wrong or expired (401)."""


class PermissionDeniedError(APIError):
    """The token's owner may not do this (403)."""


class NotFoundError(APIError):
    """There is no such thing (404)."""


class ConflictError(APIError):
    """The state of the thing does not allow this now (409)."""


class RateLimitError(APIError):
    """Too many requests, and the retries are used up (429)."""

    retry_after: float | None = None
    """Seconds that the service asks to wait, when it said so."""


class ServerError(APIError):
    """The service failed (500 and above)."""


class TransportError(ManagementError):
    """No answer came.  Whether the service acted on a POST or PATCH is then unknown."""


class InvalidResponseError(ManagementError):
    """The answer cannot be used: not JSON, cut short, or of an unexpected type."""


class WaitTimeoutError(ManagementError):
    """What was waited for did not happen in time.  The operation itself goes on."""


_BY_STATUS: dict[int, type[APIError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: InvalidRequestError,
    429: RateLimitError,
}


def error_class(status: int) -> type[APIError]:
    """Return the class of errors for an HTTP status."""
    found = _BY_STATUS.get(status)
    if found is not None:
        return found
    return ServerError if status >= 500 else APIError
