"""Tokens and the browser sign-on, with a browser that is a thread of this test."""

from __future__ import annotations

import datetime
import http.client
import logging
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from singlestoredb import auth
from singlestoredb.config import option_context
from singlestoredb.exceptions import NotSupportedError

UTC = datetime.timezone.utc
KEY = "a key of the test's own, long enough for HS256"
EMAIL = "ann@example.com"


def token(**claims: Any) -> str:
    whole = {"email": EMAIL, "exp": 4_000_000_000, "sub": "subject", "username": "ann", **claims}
    return jwt.encode({k: v for k, v in whole.items() if v is not None}, KEY, "HS256")


class Browser:
    """Plays the sign-on page: posts ``body`` to where the page is told to return."""

    def __init__(self, body: str | None, opens: bool = True, length: int | None = None) -> None:
        self.body = body
        self.length = length
        self.opens = opens
        self.url = ""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.thread: threading.Thread | None = None

    def open(self, url: str) -> bool:
        self.url = url
        if self.opens and self.body is not None:
            self.thread = threading.Thread(target=self.post)
            self.thread.start()
        return self.opens

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.url).query)

    def post(self) -> None:
        where = urlsplit(self.query["returnTo"][0])
        assert where.hostname is not None
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=10)
        if self.length is None:
            connection.request("POST", "/", body=self.body)
        else:  # announce much, send nothing
            connection.request("POST", "/", headers={"Content-Length": str(self.length)})
        response = connection.getresponse()
        self.status, self.headers = response.status, dict(response.getheaders())
        connection.close()


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def use(browsers: dict[str | None, Browser]) -> None:
        def get(name: str | None = None) -> Browser:
            if name not in browsers:
                raise webbrowser.Error("could not locate runnable browser")
            return browsers[name]

        monkeypatch.setattr(webbrowser, "get", get)

    return use


def sign_on(page: Browser, **options: Any) -> auth.JSONWebToken:
    try:
        return auth.get_jwt(EMAIL, **{"timeout": 10, **options})
    finally:
        if page.thread is not None:
            page.thread.join()


def test_constants() -> None:
    assert (auth.PASSWORD, auth.JWT, auth.BROWSER_SSO) == ("password", "jwt", "browser_sso")
    assert auth.SSO_URL == "https://portal.singlestore.com/engine-sso"
    assert auth.JSONWebToken.model_version_number == 1


# -- tokens --


def test_from_token() -> None:
    text = token()
    got = auth.JSONWebToken.from_token(text.encode())
    assert (str(got), got.email, got.username) == (text, EMAIL, "ann")
    assert got.expires == datetime.datetime.fromtimestamp(4_000_000_000, UTC)
    assert auth.JSONWebToken.from_token(token(username=None)).username == "subject"
    assert text not in repr(got)
    assert repr(got) == "<JSONWebToken of ann, expires 2096-10-02T07:06:40+00:00>"


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"email": None}, "the token has no claim 'email'"),
        ({"exp": None}, "the token has no claim 'exp'"),
        ({"exp": "soon"}, "the token's claim 'exp' is no point in time"),
        ({"exp": 10**30}, "the token's claim 'exp' is no point in time"),
        ({"username": None, "sub": None}, "the token has no claim 'username' and none 'sub'"),
    ],
)
def test_missing_claims(claims: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        auth.JSONWebToken.from_token(token(**claims))


@pytest.mark.parametrize("text", [b"", b"garbage", b"a.b.c", b"\xff\xfe", token()[:40].encode()])
def test_what_is_no_token(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"^what was received is not a JSON Web Token$"):
        auth.JSONWebToken.from_token(text)


def test_a_verification_that_cannot_be_done_is_refused() -> None:
    with pytest.raises(NotSupportedError, match="cannot be verified"):
        auth.JSONWebToken.from_token(token(), verify_signature=True)


@pytest.mark.parametrize(
    ("seconds", "expired"), [(60, False), (-60, True), (0, True), (86400 * 365, False)]
)
def test_is_expired(seconds: int, expired: bool) -> None:
    moment = datetime.datetime.now(UTC) + datetime.timedelta(seconds=seconds)
    elsewhere = moment.astimezone(datetime.timezone(datetime.timedelta(hours=-11)))
    for expires in (moment, moment.replace(tzinfo=None), elsewhere):
        assert auth.JSONWebToken("t", expires, EMAIL, "ann").is_expired is expired


def test_refresh(use: Callable[..., None]) -> None:
    browser = Browser(token(username="ann2"))
    use({None: browser})
    old = auth.JSONWebToken(
        "old", datetime.datetime.now(UTC) + datetime.timedelta(hours=1), EMAIL, "ann", timeout=10
    )
    assert old.refresh() is False
    assert str(old) == "old"
    with option_context("sso_browser", None):
        assert old.refresh(force=True) is True
    assert str(old) == browser.body
    assert (old.username, old.is_expired) == ("ann2", False)
    old.expires = datetime.datetime(2000, 1, 1, tzinfo=UTC)
    assert old.refresh() is True
    assert not old.is_expired


# -- signing on --


def test_sign_on(
    use: Callable[..., None], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    browser = Browser(token())
    use({None: browser})
    got = sign_on(browser, clusters=["c1", "c2"], databases="db")
    assert str(got) == browser.body
    assert got.clusters == ["c1", "c2"]
    assert browser.url.startswith(auth.SSO_URL + "?")
    assert browser.query["email"] == [EMAIL]
    assert browser.query["cluster"] == ["c1,c2"]
    assert browser.query["db"] == ["db"]
    assert urlsplit(browser.query["returnTo"][0]).hostname == "127.0.0.1"
    assert browser.status == 204
    assert browser.headers["Access-Control-Allow-Origin"] == "*"
    assert browser.headers["Content-Type"] == "text/plain"
    shown = capfd.readouterr()
    assert browser.body is not None
    assert browser.body not in shown.out + shown.err + caplog.text


def test_only_what_was_asked_for_is_in_the_url(use: Callable[..., None]) -> None:
    browser = Browser(token())
    use({None: browser})
    sign_on(browser, url="https://sso.example.com/x")
    assert set(browser.query) == {"email", "returnTo"}
    assert browser.url.startswith("https://sso.example.com/x?")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("garbage", "not a JSON Web Token"),
        ("", "sent no token"),
        (token(exp=None), "no claim 'exp'"),
        (
            token(email="eve@example.com", username="eve"),
            "the token is not ann@example.com's but eve@example.com's",
        ),
    ],
    ids=["garbage", "empty", "claim", "somebody else"],
)
def test_a_bad_token_is_refused(use: Callable[..., None], body: str, message: str) -> None:
    browser = Browser(body)
    use({None: browser})
    with pytest.raises(ValueError, match=message):
        sign_on(browser)
    assert browser.status == 400


def test_a_huge_body_is_not_even_read(use: Callable[..., None]) -> None:
    browser = Browser("", length=1_000_000_000)
    use({None: browser})
    with pytest.raises(ValueError, match="sent no token"):
        sign_on(browser)
    assert browser.status == 400


def test_the_wait_has_an_end_and_the_server_too(use: Callable[..., None]) -> None:
    browser = Browser(None)
    use({None: browser})
    before = threading.active_count()
    with pytest.raises(RuntimeError, match=r"^Timeout waiting for token$"):
        sign_on(browser, timeout=0.05)
    assert threading.active_count() == before
    port = urlsplit(browser.query["returnTo"][0]).port
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection("127.0.0.1", port).connect()


def test_the_first_browser_that_opens_is_used(use: Callable[..., None]) -> None:
    deaf, good, unused = Browser(None, opens=False), Browser(token()), Browser(token())
    use({"deaf": deaf, "good": good, "unused": unused})
    sign_on(good, browser=["missing", "deaf", "good", "unused"])
    assert deaf.url
    assert not unused.url
    with option_context("sso_browser", "good"):
        assert str(sign_on(good)) == good.body


def test_no_browser(use: Callable[..., None]) -> None:
    deaf = Browser(None, opens=False)
    use({"deaf": deaf})
    with pytest.raises(RuntimeError, match="Could not find compatible web browser"):
        sign_on(deaf, browser=["missing", "deaf"])


def test_macos_leaves_safari_alone(
    use: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(token())
    use({"firefox": browser, None: Browser(None, opens=False)})
    monkeypatch.setattr(sys, "platform", "darwin")
    assert str(sign_on(browser)) == browser.body


def test_without_pyjwt_the_command_is_named() -> None:
    code = (
        "import sys; sys.modules['jwt'] = None; from singlestoredb import auth\n"
        "try: auth.JSONWebToken.from_token(b'a.b.c')\n"
        "except auth.NotSupportedError as exc: print(exc)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0: tokens need PyJWT (pip install PyJWT)"
