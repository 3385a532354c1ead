"""The users of the local server, and the proofs that they know their passwords.

Passwords are not kept: only what the two authentication methods of the MySQL protocol compare.
Both verifiers are fast hashes.  That is enough for random passwords on loopback, which this
server is made for, and no more.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_authentication_methods.html
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha1, sha256

NATIVE = "mysql_native_password"
SHA2 = "caching_sha2_password"

DEFAULT_USER = "root"


@dataclass(frozen=True)
class _Verifiers:
    native: bytes = field(repr=False)
    """SHA1(SHA1(password))."""
    sha2: bytes = field(repr=False)
    """SHA256(SHA256(password))."""
    is_empty: bool = False


def _verifiers(password: str) -> _Verifiers:
    data = password.encode()
    return _Verifiers(
        sha1(sha1(data).digest()).digest(), sha256(sha256(data).digest()).digest(), not data
    )


def _xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


class Users:
    """Who may log in: name → password.  All of them may do everything."""

    def __init__(self, passwords: Mapping[str, str]) -> None:
        if not passwords:
            raise ValueError("a server without users cannot be used: name at least one")
        self._known = {name: _verifiers(password) for name, password in passwords.items()}
        # Compared for names that do not exist, so that they take as long as those that do.
        self._nobody = _verifiers(secrets.token_hex())

    def __repr__(self) -> str:
        return f"<Users {', '.join(sorted(self._known))}>"

    def check_password(self, user: str, password: str) -> bool:
        """Whether ``password`` is the one of ``user``."""
        verifiers = self._known.get(user, self._nobody)
        same = hmac.compare_digest(_verifiers(password).sha2, verifiers.sha2)
        return same and user in self._known

    def check_scramble(self, user: str, method: str, nonce: bytes, answer: bytes) -> bool:
        """Whether ``answer`` proves the password to ``nonce`` by ``method``, NATIVE or SHA2."""
        verifiers = self._known.get(user, self._nobody)
        if not answer or answer == b"\0":  # what clients send for the empty password
            return verifiers.is_empty
        if method == NATIVE:
            if len(answer) != 20:
                return False
            # The client sends SHA1(password) XOR SHA1(nonce + SHA1(SHA1(password))).
            proof = _xor(answer, sha1(nonce + verifiers.native).digest())
            same = hmac.compare_digest(sha1(proof).digest(), verifiers.native)
        else:
            if len(answer) != 32:
                return False
            # SHA256(password) XOR SHA256(SHA256(SHA256(password)) + nonce)
            proof = _xor(answer, sha256(verifiers.sha2 + nonce).digest())
            same = hmac.compare_digest(sha256(proof).digest(), verifiers.sha2)
        return same and user in self._known
