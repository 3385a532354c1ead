"""What may be passed as ``ssl=``, and the context that comes of it."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from singlestoredb.testing.servers import _make_certificate
from singlestoredb.tls import as_context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the file of an authority; its key lies beside it."""
    folder = tmp_path_factory.mktemp("authority")
    _make_certificate(folder / "ca.pem", folder / "key.pem")
    return str(folder / "ca.pem")


def of(**settings: Any) -> ssl.SSLContext:
    context = as_context(settings)
    assert isinstance(context, ssl.SSLContext)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    return context


@pytest.mark.parametrize(
    ("value", "expected"), [(True, True), (1, True), ("on", True), (False, False), ("0", False)]
)
def test_whether_tls_is_wanted(value: object, expected: bool) -> None:
    assert as_context(value) is expected
    assert as_context({}) is True, "an empty mapping asks for it"


def test_a_context_is_used_as_it_is() -> None:
    own = ssl.create_default_context()
    assert as_context(own) is own


@pytest.mark.parametrize("value", [object(), 1.5, [("ca", "x")], b"yes"])
def test_what_is_none_of_these_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"a mapping of ca, .*needed, not"):
        as_context(value)


def test_an_authority_verifies_certificate_and_name(authority: str) -> None:
    for settings in ({"ca": authority}, {"capath": str(Path(authority).parent)}):
        context = of(**settings)
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
    (known,) = of(ca=authority).get_ca_certs()
    assert known["subject"] == ((("commonName", "localhost"),),)


@pytest.mark.parametrize(
    ("settings", "mode", "name"),
    [
        ({"verify_mode": "required"}, ssl.CERT_REQUIRED, True),
        ({"verify_mode": "optional"}, ssl.CERT_OPTIONAL, False),
        ({"verify_mode": "none"}, ssl.CERT_NONE, False),
        ({"check_hostname": False}, ssl.CERT_REQUIRED, False),
        ({"check_hostname": True}, ssl.CERT_REQUIRED, True),
    ],
)
def test_an_authority_and_what_says_otherwise(
    authority: str, settings: dict[str, Any], mode: ssl.VerifyMode, name: bool
) -> None:
    context = of(ca=authority, **settings)
    assert (context.verify_mode, context.check_hostname) == (mode, name)


@pytest.mark.parametrize(
    ("settings", "mode", "name"),
    [
        ({"cipher": "HIGH"}, ssl.CERT_NONE, False),
        ({"verify_mode": "required"}, ssl.CERT_REQUIRED, False),
        ({"check_hostname": True}, ssl.CERT_REQUIRED, True),
        ({"check_hostname": True, "verify_mode": "optional"}, ssl.CERT_OPTIONAL, True),
        ({"check_hostname": False}, ssl.CERT_NONE, False),
    ],
)
def test_without_an_authority_the_systems_are_trusted(
    authority: str,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    mode: ssl.VerifyMode,
    name: bool,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority)
    context = of(**settings)
    assert (context.verify_mode, context.check_hostname) == (mode, name)
    assert bool(context.get_ca_certs()) is (mode is not ssl.CERT_NONE)


def test_names_are_not_checked_of_certificates_that_are_not(authority: str) -> None:
    for settings in ({"ca": authority}, {}):
        with pytest.raises(ValueError, match="check_hostname needs a certificate"):
            as_context({"check_hostname": True, "verify_mode": "none", **settings})


@pytest.mark.parametrize(
    ("value", "mode"),
    [
        *((value, ssl.CERT_NONE) for value in ("none", "0", "FALSE", "no", "off", False, 0)),
        *((value, ssl.CERT_REQUIRED) for value in ("Required", "1", "true", "Yes", "on", True, 1)),
        *((value, ssl.CERT_OPTIONAL) for value in ("optional", ssl.CERT_OPTIONAL)),
    ],
)
def test_ways_to_say_how_certificates_are_verified(value: object, mode: ssl.VerifyMode) -> None:
    assert of(verify_mode=value).verify_mode is mode


@pytest.mark.parametrize("value", ["perhaps", "", 3, "nonee"])
def test_other_ways_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be none, optional or required"):
        as_context({"verify_mode": value})


def test_unknown_settings_are_refused_and_values_not_repeated() -> None:
    with pytest.raises(ValueError, match="'certt' is not one of ca, capath, cert") as caught:
        as_context({"certt": "s3cret", "key": "s3cret"})
    assert "s3cret" not in str(caught.value)


def test_files_and_ciphers_that_cannot_be_used(authority: str, tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nothing that is a certificate\n")
    for settings, message in (
        ({"ca": "/no/such.pem"}, r"used \(No such file or directory\)"),
        ({"cert": "/no/such.pem"}, r"used \(No such file or directory\)"),
        ({"cipher": "NO-SUCH"}, r"cannot be used \(\(?'?No cipher can be selected"),
        ({"ca": str(nonsense)}, r"cannot be used \(.*(?i:certificate|PEM|crl)"),
        ({"cert": authority}, r"cannot be used \(.*PEM"),
    ):
        with pytest.raises(ValueError, match=message):
            as_context(settings)
    key = str(Path(authority).with_name("key.pem"))
    assert of(cert=authority, key=key).verify_mode is ssl.CERT_NONE
