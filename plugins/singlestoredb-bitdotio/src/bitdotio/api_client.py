"""The HTTP side: one session with the token, a timeout, and errors that show no token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bitdotio._version import __version__

if TYPE_CHECKING:
    import requests


_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class ApiError(Exception):
    """The API refused a request, or answered what is no answer of the API.

    ``status_code`` is the HTTP status, ``data`` the decoded JSON body, or its text when it was
    not JSON, or ``None`` when it was empty.
    """

    def __init__(self, status_code: int, data: Any) -> None:
        super().__init__(status_code, data)
        self.status_code = status_code
        self.data = data

    def __str__(self) -> str:
        return f"ApiError status_code={self.status_code} data={self.data}"


class _BearerAuth:
    """Sets the Authorization header.

    As the session's ``auth`` rather than one of its headers, because requests replaces a plain
    header by what it finds for the host in the user's netrc file.
    """

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class ApiClient:
    """Sends requests below ``<api_url>/<api_version>`` and decodes what comes back.

    ``timeout`` is in seconds: to connect, and between two pieces of the answer.
    """

    def __init__(
        self,
        access_token: str,
        api_version: str,
        *,
        api_url: str,
        timeout: float,
    ) -> None:
        self._access_token = access_token
        self._base = f"{api_url}/{api_version}"
        self._timeout = timeout
        import requests

        self._session = requests.Session()
        # A proxy of the environment has no way to this machine, and no business with the token.
        self._session.trust_env = urlsplit(api_url).hostname not in _LOOPBACK
        self._session.auth = _BearerAuth(access_token)
        self._session.headers.update(
            {
                "Accept": "application/json",
                "User-Agent": f"python-bitdotio-sdk/{__version__}",
            }
        )

    def request(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        """Send one request; raise ``requests.RequestException`` when there is no answer."""
        kwargs.setdefault("timeout", self._timeout)
        return self._session.request(method, self._base + path, **kwargs)

    def call(self, method: str, path: str, **kwargs: Any) -> Any:
        """Send one request and return its decoded body, ``None`` when that is empty.

        Raises:
            ApiError: for a status of 400 or more, and for a success that is not JSON.
        """
        response = self.request(method, path, **kwargs)
        text = response.text
        if not response.ok:
            # A server may repeat the request's credentials in its complaint.
            text = text.replace(self._access_token, "***")
        data: Any = None
        is_json = True
        if text:
            try:
                data = json.loads(text)
            except ValueError:
                data, is_json = text, False
        if not response.ok or not is_json:
            raise ApiError(response.status_code, data)
        return data

    def set_header(self, header: str, value: str) -> None:
        """Send ``header`` with every request from now on."""
        self._session.headers[header] = value

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._session.close()
