"""Authentication methods as PyMySQL has them, for programs that compute an answer themselves.

The driver's own login is in its plugin.
"""

from __future__ import annotations

from pymysql._auth import (
    caching_sha2_password_auth,
    ed25519_password,
    scramble_caching_sha2,
    scramble_native_password,
    sha2_rsa_encrypt,
    sha256_password_auth,
)

__all__ = [
    "caching_sha2_password_auth",
    "ed25519_password",
    "scramble_caching_sha2",
    "scramble_native_password",
    "sha2_rsa_encrypt",
    "sha256_password_auth",
]
