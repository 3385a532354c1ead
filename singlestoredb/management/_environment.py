"""What the environment says about the current organization, deployment and user.

Everything is read when it is asked for, never at import.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import time
import urllib.parse
from typing import Any

from singlestoredb import config

_portal: dict[str, str] = {}
"""User and password that the notebook portal announced last."""


def _env(name: str) -> str | None:
    return os.environ.get(f"SINGLESTOREDB_{name}") or None


def get_organization_id() -> str | None:
    """Return the ID of the current organization, if the environment names one."""
    return _env("ORGANIZATION")


def get_cluster_id() -> str | None:
    """Return the ID of the current cluster, if the environment names one."""
    return _env("WORKSPACE") or _env("CLUSTER")


def get_workspace_id() -> str | None:
    """Return the ID of the current workspace, if the environment names one."""
    return _env("WORKSPACE")


def get_workspace_group_id() -> str | None:
    """Return the ID of the current workspace group, if the environment names one."""
    return _env("WORKSPACE_GROUP")


def get_virtual_workspace_id() -> str | None:
    """Return the ID of the current starter deployment, if the environment names one."""
    return _env("VIRTUAL_WORKSPACE")


def get_project_id() -> str | None:
    """Return the ID of the current inference project, if the environment names one."""
    return _env("PROJECT")


def get_database_name() -> str | None:
    """Return the name of the database for jobs, if the environment names one."""
    return _env("DEFAULT_DATABASE")


def in_notebook_service() -> bool:
    """Say whether this runs inside the service's own notebooks."""
    return _env("WORKLOAD_TYPE") is not None


# -- tokens --


def jwt_claims(token: object) -> dict[str, Any] | None:
    """Return the claims of a JSON web token without checking its signature, else ``None``.

    The service checks the signature; here it only matters what kind of token it is and when
    it ends (RFC 7519, section 4.1.4).
    """
    if not isinstance(token, str) or token.count(".") != 2:
        return None
    header, claims, _ = token.split(".")
    try:
        decoded = [json.loads(_base64url(part)) for part in (header, claims)]
    except (ValueError, binascii.Error, RecursionError):
        return None
    if not all(isinstance(part, dict) for part in decoded) or "alg" not in decoded[0]:
        return None
    out: dict[str, Any] = decoded[1]
    return out


def _base64url(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def is_jwt(token: object) -> bool:
    """Say whether a token is a JSON web token; its signature is not checked."""
    return jwt_claims(token) is not None


def _expired(token: str) -> bool:
    expires = (jwt_claims(token) or {}).get("exp")
    return isinstance(expires, (int, float)) and expires <= time.time()


def set_portal_authentication(user: str | None = None, password: str | None = None) -> None:
    """Take the credentials that the notebook portal announces; they beat the environment's.

    Called with nothing it forgets them.
    """
    _portal.clear()
    if user:
        _portal["user"] = user
    if password:
        _portal["password"] = password


def get_authentication_info(include_env: bool = True) -> dict[str, str]:
    """Return ``user`` and ``password`` of the current user, as far as they are known.

    They come from the notebook portal, else from the connection URL in the environment.
    A token of the portal that has expired is left out.
    """
    out: dict[str, str] = {}
    if include_env:
        url = _env("URL") or _url_option()
        if url and "//" in url:
            try:
                parts = urllib.parse.urlsplit(url)
                user, password = parts.username, parts.password
            except ValueError:
                user = password = None
            if user:
                out["user"] = urllib.parse.unquote(user)
            if password:
                out["password"] = urllib.parse.unquote(password)
    announced = dict(_portal)
    if "password" in announced and _expired(announced["password"]):
        del announced["password"]
    return out | announced


def _url_option() -> str | None:
    host = config.get_option("host")
    return host if isinstance(host, str) else None


def get_token() -> str | None:
    """Return the token to use when none is given, or ``None``.

    1. Option ``management.token`` (environment variable ``SINGLESTOREDB_MANAGEMENT_TOKEN``).
    2. The current user's password, if it is a JSON web token.
    """
    token = config.get_option("management.token")
    if token:
        return str(token)
    password = get_authentication_info().get("password")
    return password if password and is_jwt(password) else None
