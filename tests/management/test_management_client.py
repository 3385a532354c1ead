"""The REST client: errors, retries, time-outs, redirects, tokens, and no secret anywhere."""

from __future__ import annotations

import copy
import gc
import io
import logging
import pickle
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from urllib3.response import HTTPResponse

from singlestoredb import get_option
from singlestoredb.exceptions import ManagementError
from singlestoredb.management import errors
from singlestoredb.management._transport import build_retry, check_base_url, enable_http_tracing
from singlestoredb.management.cluster import ClusterManager, manage_clusters
from singlestoredb.management.export import ExportService
from singlestoredb.management.files import FilesManager, manage_files
from singlestoredb.management.manager import Manager, get_token
from singlestoredb.management.organization import get_organization, get_secret
from singlestoredb.management.region import RegionManager
from singlestoredb.management.users import User
from singlestoredb.management.utils import get_authentication_info, set_portal_authentication
from singlestoredb.management.workspace import WorkspaceManager, manage_workspaces
from singlestoredb.testing.management_api import ManagementAPI

UNKNOWN = "00000000-0000-0000-0000-000000000000"
CANARY = 'c4n4ry-"S3cret"\\vAlue é!'


# -- errors --


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidRequestError),
        (401, errors.AuthenticationError),
        (403, errors.PermissionDeniedError),
        (404, errors.NotFoundError),
        (409, errors.ConflictError),
        (418, errors.APIError),
        (422, errors.InvalidRequestError),
        (429, errors.RateLimitError),
        (500, errors.ServerError),
        (503, errors.ServerError),
    ],
)
def test_each_status_has_its_class(
    api: ManagementAPI, workspaces: WorkspaceManager, status: int, kind: type[errors.APIError]
) -> None:
    api.fault(status=status, body="no, because", times=-1)
    with pytest.raises(errors.APIError) as caught:
        workspaces.get_workspace(UNKNOWN)
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.errno, error.response) == (status, status, "no, because")
    assert (error.method, error.path) == ("GET", f"/workspaces/{UNKNOWN}")
    assert error.request_id is not None
    assert "no, because" in str(error)
    assert error.request_id in str(error)
    assert error.path in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.status, again.request_id) == (str(error), status, error.request_id)


def test_json_errors_give_code_and_words(api: ManagementAPI, workspaces: WorkspaceManager) -> None:
    api.behaviour.json_errors = True
    with pytest.raises(errors.NotFoundError) as caught:
        workspaces.get_workspace(UNKNOWN)
    assert caught.value.code == "E404"
    assert caught.value.request_id == "req-1"
    assert str(caught.value).startswith(f"404 (E404): workspace {UNKNOWN} not found")


@pytest.mark.parametrize(
    "body",
    [{"error": {"code": "X", "message": "deep"}}, {"detail": "deep"}, {"error": "deep"}],
)
def test_words_are_found_in_any_json(
    api: ManagementAPI, workspaces: WorkspaceManager, body: dict[str, Any]
) -> None:
    api.fault(status=400, body=body)
    with pytest.raises(errors.InvalidRequestError, match="deep"):
        workspaces.get_workspace(UNKNOWN)


def test_error_texts_are_bounded_and_printable(
    api: ManagementAPI, workspaces: WorkspaceManager
) -> None:
    api.fault(status=400, body="\x1b]0;owned\x07" + "x" * 1_000_000)
    with pytest.raises(errors.InvalidRequestError) as caught:
        workspaces.get_workspace(UNKNOWN)
    text = str(caught.value)
    assert len(text) < 5000
    assert text.isprintable()
    assert "\\x1b]0;owned" in text


def test_bad_uuid_is_named_by_the_service(workspaces: WorkspaceManager) -> None:
    with pytest.raises(ManagementError, match="UUID") as caught:
        workspaces.get_workspace("bad id")
    assert caught.value.errno == 400


@pytest.mark.parametrize("bad", ["", ".", ".."])
def test_ids_that_would_change_the_route_are_refused(
    api: ManagementAPI, workspaces: WorkspaceManager, bad: str
) -> None:
    with pytest.raises(ValueError, match="workspace ID"):
        workspaces.get_workspace(bad)
    assert api.requests == []


def test_ids_stay_one_segment(api: ManagementAPI, workspaces: WorkspaceManager) -> None:
    with pytest.raises(ManagementError):
        workspaces.get_workspace("a/../../v2/clusters?x=1#y")
    assert api.requests[0].path == "/v1/workspaces/a%2F..%2F..%2Fv2%2Fclusters%3Fx%3D1%23y"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("[1, 2", "not JSON"),
        ("", "not JSON"),
        ("[]", "must be an object, got an array"),
        ("7", "must be an object, got int"),
        ('{"workspaceID": 5}', "'name' must be text, the service sent null"),
        ('{"name": "x", "workspaceID": 5}', "'workspaceID' must be text, the service sent int"),
        (
            '{"name": "x", "workspaceID": "i", "workspaceGroupID": "g", "createdAt": "never"}',
            "'createdAt' must be a time",
        ),
        (
            '{"name": "x", "workspaceID": "i", "workspaceGroupID": "g", '
            '"createdAt": "2026-01-01T00:00:00Z", "resumeAttachments": {"a": 1}}',
            "'resumeAttachments' must be an array",
        ),
    ],
)
def test_senseless_answers_are_named(
    api: ManagementAPI, workspaces: WorkspaceManager, body: str, words: str
) -> None:
    api.fault(status=200, body=body)
    with pytest.raises(errors.InvalidResponseError, match=words):
        workspaces.get_workspace(UNKNOWN)


def test_bottomless_answers_are_named(api: ManagementAPI, workspaces: WorkspaceManager) -> None:
    api.fault(status=200, body="[" * 100_000)
    gc.collect()
    gc.disable()  # so that nothing else is finalized at the bottom of the stack
    try:
        with pytest.raises(errors.InvalidResponseError, match="not JSON"):
            workspaces.get_workspace(UNKNOWN)
    finally:
        gc.enable()


def test_wrong_types_in_lists_are_named(api: ManagementAPI, workspaces: WorkspaceManager) -> None:
    api.fault(status=200, body=[{"userID": "u", "email": "e"}, "junk"])
    with pytest.raises(errors.InvalidResponseError, match="user: expected an object"):
        _ = workspaces.users
    api.fault(status=200, body={"not": "a list"})
    with pytest.raises(errors.InvalidResponseError, match="must be an array"):
        _ = workspaces.users


@pytest.mark.parametrize("cut", ["json", "connection"])
def test_truncated_answers_are_errors(
    api: ManagementAPI, workspaces: WorkspaceManager, cut: str
) -> None:
    api.fault("GET", "organizations/current", cut=cut, times=-1)
    with pytest.raises((errors.InvalidResponseError, errors.TransportError)):
        _ = workspaces.organization


# -- retries and time-outs --


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_passing_failures_of_get_are_retried(
    api: ManagementAPI, workspaces: WorkspaceManager, status: int
) -> None:
    api.fault(status=status, times=3)
    assert workspaces.organization.name == "Test Organization"
    assert len(api.requests) == 4


def test_retries_end(api: ManagementAPI, workspaces: WorkspaceManager) -> None:
    api.fault(status=503, body="down", times=-1)
    with pytest.raises(errors.ServerError, match="down"):
        _ = workspaces.organization
    assert len(api.requests) == 5


@pytest.mark.parametrize("effect", [{"status": 503}, {"status": 429}, {"drop": True}])
def test_post_and_patch_are_never_repeated(
    api: ManagementAPI, workspaces: WorkspaceManager, effect: dict[str, Any]
) -> None:
    team = workspaces.create_team("t")
    api.forget_requests()
    api.fault("POST", **effect)
    with pytest.raises(ManagementError):
        workspaces.create_team("u")
    api.fault("PATCH", **effect)
    with pytest.raises(ManagementError):
        team.update(name="v")
    assert [r.method for r in api.requests] == ["POST", "PATCH"]


@pytest.mark.parametrize("effect", [{"status": 503}, {"drop": True}])
def test_delete_is_repeated(
    api: ManagementAPI, workspaces: WorkspaceManager, effect: dict[str, Any]
) -> None:
    team = workspaces.create_team("t")
    api.fault("DELETE", times=2, **effect)
    team.delete()
    assert workspaces.teams == []


def test_deletion_whose_answer_was_lost_is_done(
    api: ManagementAPI, workspaces: WorkspaceManager
) -> None:
    team = workspaces.create_team("t")
    api.fault("DELETE", lose=True)
    team.delete()
    assert workspaces.teams == []
    with pytest.raises(errors.NotFoundError) as caught:
        team.delete()
    assert caught.value.attempts == 1


def test_creation_whose_answer_was_lost_is_in_doubt(
    api: ManagementAPI, workspaces: WorkspaceManager
) -> None:
    api.fault("POST", lose=True)
    with pytest.raises(errors.TransportError):
        workspaces.create_team("t")
    assert workspaces.teams.names() == ["t"]


def test_dropped_connections_of_get_are_retried(
    api: ManagementAPI, workspaces: WorkspaceManager
) -> None:
    api.fault(drop=True, times=2)
    assert workspaces.organization.name == "Test Organization"


def test_retry_after_is_honoured_within_reason(
    api: ManagementAPI, workspaces: WorkspaceManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("singlestoredb.management.timing.time.sleep", slept.append)
    api.fault(status=429, headers={"Retry-After": "7"})
    api.fault(status=429, headers={"Retry-After": "86400"})
    assert workspaces.organization.name == "Test Organization"
    assert slept == [7, 60]


def test_rate_limit_error_says_how_long(
    api: ManagementAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SINGLESTOREDB_MANAGEMENT_RETRIES", "0")
    api.fault(status=429, headers={"Retry-After": "30"})
    with pytest.raises(errors.RateLimitError) as caught:
        _ = WorkspaceManager().organization
    assert caught.value.retry_after == 30
    assert len(api.requests) == 1


def test_backoff_grows_with_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINGLESTOREDB_MANAGEMENT_RETRY_BACKOFF", "0.5")
    slept: list[float] = []
    monkeypatch.setattr("singlestoredb.management.timing.time.sleep", slept.append)
    policy = build_retry()
    for _ in range(4):
        policy = policy.increment("GET", "/", response=HTTPResponse(status=503))
        policy.sleep()
    assert len(slept) == 3  # urllib3 does not wait before the first repetition
    for seconds, base in zip(slept, (1, 2, 4), strict=True):
        assert base <= seconds <= base + 0.25


def test_slow_answers_time_out(api: ManagementAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINGLESTOREDB_MANAGEMENT_READ_TIMEOUT", "0.05")
    monkeypatch.setenv("SINGLESTOREDB_MANAGEMENT_RETRIES", "1")
    api.fault(stall=0.3, times=2)
    with pytest.raises(errors.TransportError, match="GET http://127"):
        _ = WorkspaceManager().organization


def test_nobody_there_is_a_transport_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINGLESTOREDB_MANAGEMENT_RETRIES", "0")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    manager = RegionManager("token", base_url=f"http://127.0.0.1:{port}")
    with pytest.raises(errors.TransportError, match="ConnectionError: GET") as caught:
        manager.list_regions()
    assert caught.value.errno is None
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "1e99"])
def test_senseless_settings_are_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SINGLESTOREDB_MANAGEMENT_READ_TIMEOUT", value)
    with pytest.raises(ManagementError, match="SINGLESTOREDB_MANAGEMENT_READ_TIMEOUT"):
        WorkspaceManager("token", base_url="http://127.0.0.1:1")._get("x")


# -- where a token goes --


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[Any]]]:
    """Another origin that records what it is sent."""
    seen: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()
        thread.join()


def test_redirects_to_another_origin_are_refused(
    api: ManagementAPI, workspaces: WorkspaceManager, elsewhere: tuple[str, list[Any]]
) -> None:
    url, seen = elsewhere
    for target in (url, "http://169.254.169.254/latest/meta-data", "file:///etc/passwd"):
        api.fault(status=302, headers={"Location": target})
        with pytest.raises(ManagementError, match="refused to go to"):
            _ = workspaces.users
    assert seen == []


def test_redirects_within_the_service_are_followed(
    api: ManagementAPI, workspaces: WorkspaceManager
) -> None:
    api.fault("GET", "users", status=307, headers={"Location": "/v1/teams"})
    assert workspaces.users == []
    assert api.routes() == ["GET users", "GET teams"]


def test_redirect_loops_and_redirected_changes_are_errors(
    api: ManagementAPI, workspaces: WorkspaceManager
) -> None:
    api.fault("GET", "users", status=302, headers={"Location": "/v1/users"}, times=-1)
    with pytest.raises(ManagementError, match="too many redirects"):
        _ = workspaces.users
    api.fault("POST", "teams", status=307, headers={"Location": "/v1/teams"}, times=-1)
    with pytest.raises(ManagementError, match="redirects"):
        workspaces.create_team("t")
    assert workspaces.teams == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://api.example.com", "in the clear"),
        ("ftp://api.example.com", "https://host"),
        ("api.example.com", "https://host"),
        ("https://user:pa55@api.example.com", "must not hold credentials"),
    ],
)
def test_base_urls_that_would_leak_are_refused(url: str, words: str) -> None:
    with pytest.raises(ManagementError, match=words) as caught:
        WorkspaceManager("token", base_url=url)
    assert "pa55" not in str(caught.value)


def test_plain_http_needs_an_opt_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINGLESTOREDB_MANAGEMENT_ALLOW_HTTP", "1")
    assert check_base_url("http://proxy.example.com/api") == "http://proxy.example.com/api/"


def test_a_root_with_a_path_is_kept() -> None:
    manager = RegionManager("t", version="v1", base_url="https://gateway.example.com/s2/api")
    assert manager._base_url == "https://gateway.example.com/s2/api/v1/"


def test_netrc_does_not_replace_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api.example.com login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    url = "https://api.example.com"
    assert requests.utils.get_netrc_auth(url) == ("somebody", "else")
    session = WorkspaceManager("token", base_url=url)._sess
    prepared = session.prepare_request(requests.Request("GET", url))
    assert prepared.headers["Authorization"] == "Bearer token"


def test_requests_to_this_machine_use_no_proxy(
    api: ManagementAPI, elsewhere: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, seen = elsewhere
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, url)
    assert WorkspaceManager().teams == []
    assert seen == []


# -- token sources --


def test_without_a_token(monkeypatch: pytest.MonkeyPatch, api: ManagementAPI) -> None:
    monkeypatch.delenv("SINGLESTOREDB_MANAGEMENT_TOKEN")
    with pytest.raises(ManagementError, match="No management token"):
        WorkspaceManager()
    with pytest.raises(ManagementError, match="No management token"):
        WorkspaceManager(lambda: "")


@pytest.mark.parametrize("bad", ["a\nb", "a b", "töken"])
def test_tokens_that_cannot_be_headers(bad: str) -> None:
    with pytest.raises(ManagementError, match="characters") as caught:
        WorkspaceManager(bad, base_url="http://127.0.0.1:1")
    assert bad not in str(caught.value)


def test_unknown_token(api: ManagementAPI) -> None:
    with pytest.raises(errors.AuthenticationError, match="check the token"):
        _ = WorkspaceManager("wrong").organization


def test_source_is_asked_again_when_the_token_expires(api: ManagementAPI) -> None:
    tokens = [api.issue_token(lifetime=60)]
    manager = WorkspaceManager(lambda: tokens[-1])
    manager.create_team("t")
    api.advance(61)
    asked: list[int] = []

    def source() -> str:
        # The first call is the routine one before each request.
        if asked:
            tokens.append(api.issue_token(lifetime=60))
        asked.append(1)
        return tokens[-1]

    manager._token_source = source
    manager.create_team("u")
    assert manager.teams.names() == ["t", "u"]
    assert [r.method for r in api.requests] == ["POST", "GET", "POST", "POST", "GET", "GET"]


def test_fixed_token_that_expires_is_an_error(api: ManagementAPI) -> None:
    manager = WorkspaceManager(api.issue_token(lifetime=60))
    assert manager.teams == []
    api.advance(61)
    with pytest.raises(errors.AuthenticationError):
        _ = manager.teams


def test_jwt_of_the_environment_is_followed(
    api: ManagementAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SINGLESTOREDB_MANAGEMENT_TOKEN")
    first, second = api.issue_token(jwt=True), api.issue_token(jwt=True)
    monkeypatch.setenv("SINGLESTOREDB_URL", f"mysql://me:{first}@127.0.0.1/db")
    manager = WorkspaceManager()
    assert manager.teams == []
    monkeypatch.setenv("SINGLESTOREDB_URL", f"mysql://me:{second}@127.0.0.1/db")
    assert manager.teams == []
    used = [r.headers["Authorization"] for r in api.requests]
    assert used == [f"Bearer {first}", f"Bearer {second}"]


def test_the_portal_beats_the_environment(
    api: ManagementAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SINGLESTOREDB_MANAGEMENT_TOKEN")
    own, announced = api.issue_token(jwt=True), api.issue_token(jwt=True, lifetime=60)
    expired = api.issue_token(jwt=True, lifetime=-60)
    monkeypatch.setenv("SINGLESTOREDB_URL", f"mysql://me:{own}@127.0.0.1/db")
    try:
        set_portal_authentication("you", announced)
        assert get_authentication_info() == {"user": "you", "password": announced}
        assert get_token() == announced
        set_portal_authentication("you", expired)
        assert get_authentication_info(include_env=False) == {"user": "you"}
        assert get_token() == own
    finally:
        set_portal_authentication()
    assert get_authentication_info() == {"user": "me", "password": own}


def test_password_that_is_no_jwt_is_no_token(
    api: ManagementAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SINGLESTOREDB_MANAGEMENT_TOKEN")
    monkeypatch.setenv("SINGLESTOREDB_URL", "mysql://me:a.b.c@127.0.0.1/db")
    assert get_token() is None


def test_uploads_are_sent_again_with_the_new_token(api: ManagementAPI) -> None:
    old, new = api.issue_token(), api.issue_token()
    current = [old]
    manager = FilesManager(lambda: current[0])
    space = manager.personal_space
    assert space.listdir() == []
    api.fault("PUT", status=401)
    calls = []

    def source() -> str:
        calls.append(1)
        # Asked before each of GET, PUT, and after the refusal.
        return new if len(calls) > 2 else old

    manager._token_source = source
    space.upload_file(io.BytesIO(b"content"), "f")
    assert space.download_file("f") == b"content"


# -- organizations and versions --


def test_organization_from_argument_and_environment(
    api: ManagementAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = api.add_organization("Other")
    assert WorkspaceManager(organization_id=other.id).organization.name == "Other"
    monkeypatch.setenv("SINGLESTOREDB_ORGANIZATION", other.id)
    assert WorkspaceManager().organization.name == "Other"
    own = WorkspaceManager(organization_id=api.organization.id)
    assert own.organization.name == "Test Organization"
    with pytest.raises(errors.NotFoundError):
        _ = WorkspaceManager(organization_id=UNKNOWN).organization


def test_versions(api: ManagementAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINGLESTOREDB_MANAGEMENT_VERSION", "v1")
    assert get_option("management.version") == "v1"
    assert WorkspaceManager().version == "v1"
    assert ClusterManager().version == FilesManager().version == Manager().version == "v2"
    assert manage_files().version == "v1"
    with pytest.raises(ManagementError, match="manage_workspaces"):
        manage_clusters()
    assert manage_clusters(version="v2").version == "v2"
    with (
        pytest.warns(DeprecationWarning, match="version 1"),
        pytest.raises(ManagementError, match="manage_clusters"),
    ):
        manage_workspaces(version="v2")
    with pytest.raises(ManagementError, match="v1beta!"):
        Manager(version="v1beta!")
    assert get_organization().name == get_organization("v2").name


def test_secret_helper(api: ManagementAPI, workspaces: WorkspaceManager) -> None:
    workspaces.create_secret("key", "value")
    assert get_secret("key") == get_secret("key", "v1") == "value"
    with pytest.raises(ManagementError, match="not found"):
        get_secret("nothing")


@pytest.mark.parametrize("shape", ["wrapped", "bare"])
def test_secrets_in_either_shape(
    api: ManagementAPI, workspaces: WorkspaceManager, shape: str
) -> None:
    secret = {"secretID": UNKNOWN, "name": "n", "value": "v", "createdBy": "me"}
    api.fault(
        "GET", "secrets", status=200, body=[secret] if shape == "bare" else {"secrets": [secret]}
    )
    assert workspaces.secrets["n"].value == "v"
    one = secret if shape == "bare" else {"secret": secret}
    api.fault("GET", "secrets/*", status=200, body=one)
    assert workspaces.get_secret_by_id(UNKNOWN).value == "v"
    api.fault("GET", "secrets", status=200, body={"secrets": [secret, secret]})
    with pytest.raises(ManagementError, match="Multiple"):
        workspaces.organization.get_secret("n")


def test_inference_is_of_version_1_only(clusters: ClusterManager) -> None:
    with pytest.raises(ManagementError, match="no inference APIs"):
        _ = clusters.organization.inference_apis


# -- secrets stay secret --


def leaks(error: BaseException) -> list[str]:
    """Return what an error and all that it is chained to say."""
    out: list[str] = []
    seen: set[int] = set()
    todo: list[Any] = [error]
    while todo:
        item = todo.pop()
        if item is None or id(item) in seen:
            continue
        seen.add(id(item))
        out += [str(item), repr(item), repr(getattr(item, "args", ""))]
        request = getattr(item, "request", None)
        if request is not None:
            out.append(repr(dict(request.headers)))
        out.append(repr({k: v for k, v in vars(item).items() if isinstance(v, str)}))
        todo += [item.__cause__, item.__context__]
    out.append("".join(traceback.format_exception(error)))
    return out


def actions(manager: WorkspaceManager) -> dict[str, Callable[[], Any]]:
    """Return requests that carry the canary in every way there is."""
    group = manager.create_workspace_group("g", manager.regions[0], [])
    starter = manager.create_starter_workspace("s", "db", "AWS", "us-east-1")
    secret = manager.create_secret("k", "x")
    export = ExportService(group, "db", "t", {"secret_key": CANARY}, {"credentials": [CANARY]})
    return {
        "group": lambda: manager.create_workspace_group(
            "h", manager.regions[0], [], admin_password=CANARY
        ),
        "group update": lambda: group.update(admin_password=CANARY),
        "user": lambda: starter.create_user("u", CANARY),
        "secret": lambda: manager.create_secret("l", CANARY),
        "secret update": lambda: secret.update(value=CANARY),
        "export": export.start,
        "identity": export.create_cluster_identity,
    }


ACTIONS = ("group", "group update", "user", "secret", "secret update", "export", "identity")


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("kind", ["echo", "drop"])
def test_no_error_repeats_a_secret(api: ManagementAPI, action: str, kind: str) -> None:
    manager = WorkspaceManager()
    _ = manager.regions
    act = actions(manager)[action]
    token = api.token
    for method in ("POST", "PATCH"):
        if kind == "echo":
            text = f"cannot take {CANARY} from {token}"
            body = {"message": text, "code": CANARY, "requestID": token, "detail": quote(CANARY)}
            api.fault(method, status=400, body=body)
        else:
            api.fault(method, drop=True)
    with pytest.raises(ManagementError) as caught:
        act()
    for text in leaks(caught.value):
        assert "S3cret" not in text
        assert token not in text


def test_no_log_or_repr_holds_a_secret(
    api: ManagementAPI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SINGLESTOREDB_DEBUG_QUERIES", "1")
    monkeypatch.setenv("SINGLESTOREDB_MANAGEMENT_TRACE", "1")
    monkeypatch.setattr("http.client.HTTPConnection.debuglevel", 0)
    monkeypatch.setattr("http.client.print", print, raising=False)
    for name in ("singlestoredb.management", "urllib3"):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.NOTSET)
    enable_http_tracing()
    printed = io.StringIO()
    made: list[Any] = []
    with caplog.at_level(logging.DEBUG), redirect_stderr(printed):
        manager = WorkspaceManager()
        made.append(manager)
        for act in actions(manager).values():
            made.append(act())
    text = printed.getvalue() + caplog.text
    assert "POST secrets" in text
    assert "Authorization: ***" in text
    made.append(ExportService(made[1], "db", "t", {"key": CANARY}, {"key": CANARY}))
    for thing in made:
        text += repr(thing) + str(thing)
        if hasattr(thing, "_repr_html_"):
            text += thing._repr_html_()
    assert "S3cret" not in text
    assert api.token not in text


def test_managers_are_not_pickled(workspaces: WorkspaceManager) -> None:
    with pytest.raises(TypeError, match="token"):
        pickle.dumps(workspaces)
    user = workspaces.current_user
    with pytest.raises(TypeError, match="token"):
        pickle.dumps(user)
    assert copy.copy(user)._manager is copy.deepcopy(user)._manager is workspaces


# -- the rest --


def test_manager_closes_its_connections(api: ManagementAPI) -> None:
    with WorkspaceManager() as manager:
        assert manager.teams == []
    assert manager.teams == []


def test_entities_without_manager_say_so() -> None:
    with pytest.raises(ManagementError, match="No workspace manager"):
        User("id", "a@b").remove()


def test_many_threads_share_a_manager(api: ManagementAPI, workspaces: WorkspaceManager) -> None:
    found: list[str] = []

    def work() -> None:
        for _ in range(10):
            found.append(workspaces.organization.name)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["Test Organization"] * 80


def test_listing_of_ten_thousand(api: ManagementAPI, workspaces: WorkspaceManager) -> None:
    users = [{"userID": f"id-{n}", "email": f"u{n}@example.com"} for n in range(10_000)]
    api.fault("GET", "users", status=200, body=users)
    found = workspaces.users
    assert len(found) == 10_000
    assert found["id-9999"].email == "u9999@example.com"


def test_audit_log_is_read_page_by_page(api: ManagementAPI, workspaces: WorkspaceManager) -> None:
    api.add_audit_logs(10_000)
    entries = workspaces.iter_audit_logs(limit=1000)
    assert api.requests == []
    first = next(entries)
    assert (first.details, len(api.requests)) == ({"number": 0}, 1)
    assert sum(1 for _ in entries) == 9_999
    assert len(api.requests) == 10


def test_audit_log_that_repeats_itself_ends(
    api: ManagementAPI, workspaces: WorkspaceManager
) -> None:
    api.fault("GET", "auditLogs", status=200, body={"auditLogs": [], "nextToken": "a"}, times=-1)
    with pytest.raises(errors.InvalidResponseError, match="repeats"):
        list(workspaces.iter_audit_logs())
