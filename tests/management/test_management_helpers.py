"""Names, dates, lists, cached properties, remote paths, timing, and how things look."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singlestoredb.exceptions import ManagementError
from singlestoredb.management import timing, utils
from singlestoredb.management._paths import check_listed_name, quote_path
from singlestoredb.management._transport import _ERROR_TEXT_MAX, redact, scrub, sensitive_texts
from singlestoredb.management._wire import Payload
from singlestoredb.management.audit_logs import AuditLog
from singlestoredb.management.errors import InvalidResponseError
from singlestoredb.management.organization import Secret
from singlestoredb.management.private_connections import OutboundAllowListEntry, PrivateConnection
from singlestoredb.management.projects import Project
from singlestoredb.management.region import Region
from singlestoredb.management.roles import Role
from singlestoredb.management.storage import DRStatus
from singlestoredb.management.users import resource_type_name
from singlestoredb.management.utils import NamedList, ttl_property
from singlestoredb.management.workspace import WorkspaceManager
from singlestoredb.management.workspace_group import WorkspaceGroup

# -- names --


@pytest.mark.parametrize(
    ("snake", "camel"),
    [("compute_credit", "computeCredit"), ("foo_bar", "fooBar"), ("a", "a"), ("", "")],
)
def test_snake_to_camel(snake: str, camel: str) -> None:
    assert utils.snake_to_camel(snake) == camel
    assert utils.snake_to_camel(snake, cap_first=True) == camel[:1].upper() + camel[1:]


@pytest.mark.parametrize(
    ("camel", "snake"),
    [
        ("maxScaleFactor", "max_scale_factor"),
        ("workspaceID", "workspace_id"),
        ("ComputeCredit", "compute_credit"),
        ("smartDRStatus", "smart_drstatus"),
    ],
)
def test_camel_to_snake(camel: str, snake: str) -> None:
    assert utils.camel_to_snake(camel) == snake


def test_keys_of_mappings_are_renamed_but_not_those_in_lists() -> None:
    value = {"aB": {"cD": 1}, "eF": [{"gH": 2}]}
    assert utils.camel_to_snake_dict(value) == {"a_b": {"c_d": 1}, "e_f": [{"gH": 2}]}
    assert utils.snake_to_camel_dict({"a_b": {"c_d": 1}}, cap_first=True) == {"aB": {"cD": 1}}
    assert utils.snake_to_camel_dict(None) is utils.camel_to_snake_dict(None) is None
    assert utils.snake_to_camel(None) is utils.camel_to_snake(None) is None


def test_resource_types() -> None:
    for given_name in ("workspace_group", "WorkspaceGroup", "CLUSTER", "cluster"):
        assert resource_type_name(given_name) == "Cluster"
    assert resource_type_name("Galaxy") == "Galaxy"


# -- dates --

MOMENT = dt.datetime(2026, 9, 17, 13, 42, 41, 493848)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-09-17T13:42:41.493848Z", MOMENT),
        ("2026-09-17T13:42:41.493848123Z", MOMENT),
        ("2026-09-17T13:42:41.4Z", MOMENT.replace(microsecond=400_000)),
        ("2026-09-17T13:42:41Z", MOMENT.replace(microsecond=0)),
        ("2026-09-17T15:42:41.493848+02:00", MOMENT),
        ("2026-09-17 13:42:41.493848 +0000 UTC", MOMENT),
        ("2026-09-17 15:42:41.493848 +0200 CEST m=+0.01", MOMENT),
        ("2026-09-17 13:42:41.493848 +0000", MOMENT),
        ("2026-09-17", dt.datetime(2026, 9, 17)),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01 00:00:00 +0000 UTC", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("soon", None),
        ("", None),
        (None, None),
        (MOMENT, MOMENT),
    ],
)
def test_to_datetime(text: Any, value: dt.datetime | None) -> None:
    assert utils.to_datetime(text) == value
    if value is not None:
        assert utils.to_datetime_strict(text) == value
    else:
        with pytest.raises((TypeError, ValueError)):
            utils.to_datetime_strict(text)


@given(st.text(st.sampled_from("0123459-T:Z+. UTCm="), max_size=40))
def test_any_text_is_a_time_or_none(text: str) -> None:
    value = utils.to_datetime(text)
    assert value is None or value.tzinfo is None


@given(st.datetimes(min_value=dt.datetime(2, 1, 1), timezones=st.just(dt.timezone.utc)))
def test_times_survive_the_wire(value: dt.datetime) -> None:
    naive = value.replace(tzinfo=None)
    assert utils.to_datetime(utils.from_datetime(value)) == naive
    assert utils.to_datetime(utils.from_datetime(naive)) == naive


def test_from_datetime() -> None:
    assert utils.from_datetime(None) is None
    assert utils.from_datetime("3h30m") == "3h30m"
    assert utils.from_datetime(dt.date(2026, 1, 2)) == "2026-01-02"
    assert utils.from_datetime(dt.datetime(2026, 1, 2)) == "2026-01-02T00:00:00Z"


# -- lists --


def test_named_list() -> None:
    items = NamedList([Region("a", "AWS", id="1"), Region("b", "AWS"), Region("1", "GCP")])
    assert items["a"] is items["1"] is items[0]
    assert items["b"] is items.get("b")
    assert items[1:] == list(items)[1:]
    assert items.names() == ["a", "b", "1"]
    assert items.ids() == ["1"]
    names: list[object] = ["b", "c"]
    assert [name in items for name in names] == [True, False]
    assert items[1] in items
    assert items.get("c", None) is None
    for look_up in (items.get, items.__getitem__):
        with pytest.raises(KeyError, match="c"):
            look_up("c")


def test_list_helpers() -> None:
    assert utils.single_item(["a"]) == utils.single_item("a") == utils.stringify(["a"]) == "a"
    assert utils.listify("a") == utils.listify(["a"]) == ["a"]
    assert utils.listify_obj({}) == utils.listify_obj([{}]) == [{}]
    with pytest.raises(ValueError, match="one"):
        utils.single_item(["a", "b"])
    wrong: list[tuple[Any, Any]] = [
        (utils.listify, [1]),
        (utils.listify_obj, "a"),
        (utils.stringify, [1]),
    ]
    for helper, bad in wrong:
        with pytest.raises(TypeError):
            helper(bad)


def test_ttl_property_is_kept_for_each_object(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("singlestoredb.management._collections.time.monotonic", lambda: now[0])

    class Thing:
        count = 0

        @ttl_property(dt.timedelta(hours=1))
        def value(self) -> int:
            """Return a new number each time."""
            type(self).count += 1
            return self.count

    one, other = Thing(), Thing()
    assert (one.value, other.value, one.value) == (1, 2, 1)
    now[0] = 3601
    assert one.value == 3
    Thing.value.reset(one)
    assert one.value == 4
    assert isinstance(Thing.value, property)
    Thing.value.ttl = dt.timedelta(0)
    assert other.value == 5
    assert Thing.value.__doc__ == "Return a new number each time."


# -- how things look --


def test_repr_names_first_and_hides_secrets() -> None:
    secret = Secret("1", "key", "me", value="hush")
    assert repr(secret) == str(secret) == "Secret(name='key', id='1', created_by='me', value=***)"
    assert "hush" not in secret._repr_html_()


def test_html_is_escaped() -> None:
    region = Region("<script>alert(1)</script>", "AWS")
    for text in (region._repr_html_(), NamedList([region])._repr_html_()):
        assert "<script>" not in text
        assert "&lt;script&gt;" in text
        assert text.startswith("<table>")
    assert NamedList([1])._repr_html_() == "<pre>[1]</pre>"


def test_regions_and_projects_take_either_spelling() -> None:
    assert Project(project_id="1", name="p").id == Project(id="1", name="p").id
    with pytest.raises(TypeError):
        Project("1")


# -- tolerant reading --


def test_other_spellings_of_answers_are_read() -> None:
    base = {"workspaceGroupID": "g", "type": "inbound", "status": "active"}
    old = PrivateConnection.from_dict({**base, "connectionID": "c", "allowList": ["a", "b"]}, None)
    new = PrivateConnection.from_dict({**base, "privateConnectionID": "c", "allowList": "a"}, None)
    assert (old.id, old.allow_list, new.allow_list) == ("c", ["a", "b"], ["a"])
    assert (new.type, new.status) == ("INBOUND", "ACTIVE")
    with pytest.raises(InvalidResponseError, match="'privateConnectionID' or 'connectionID'"):
        PrivateConnection.from_dict(base, None)
    assert OutboundAllowListEntry.from_dict({"destination": "d"}).destination == "d"
    status = DRStatus.from_dict({"state": "Active", "databases": ["d"], "primaryRegionID": "r"})
    assert (status.state, status.databases, status.primary_region_id) == ("Active", ["d"], "r")
    role = Role.from_dict({"name": "R", "inherits": ["S"]}, "cluster", None)
    assert (role.name, role.resource_type, role.inherits) == ("R", "Cluster", ["S"])
    log = AuditLog.from_dict({"auditLogID": "a", "type": "t", "details": {"x": 1}}, None)
    assert (log.id, log.details) == ("a", {"x": 1})


def test_payload_says_what_is_wrong() -> None:
    p = Payload({"t": 1, "n": "x", "b": 0, "f": 1.5, "l": [None, 1]}, "thing")
    assert p.opt_int("missing") is None
    assert p.opt_number("f") == 1.5
    assert p.items("l") == [1]
    for read, words in (
        (lambda: p.text("t"), "thing: 't' must be text, the service sent int"),
        (lambda: p.opt_number("n"), "'n' must be a number"),
        (lambda: p.opt_bool("b"), "'b' must be true or false"),
        (lambda: p.int("f"), "'f' must be a whole number"),
        (lambda: p.texts("l"), "'l' must be an array of text"),
        (lambda: p.snake("n"), "'n' must be an object"),
        (lambda: p.snakes("l"), "'l' must be an array of objects"),
        (lambda: p.bool("none"), "the service sent null"),
    ):
        with pytest.raises(InvalidResponseError, match=words):
            read()


# -- paths --


@pytest.mark.parametrize(
    ("path", "plain", "stripped"),
    [
        ("/", "", ""),
        ("a//b/", "a/b", "a/b"),
        ("./a", "./a", "a"),
        ("//./a\\b", "/./a/b", "a/b"),
        (".", ".", ""),
    ],
)
def test_remote_paths_are_normalized(path: str, plain: str, stripped: str) -> None:
    assert utils.normalize_remote_path(path) == plain
    assert utils.normalize_remote_path(path, strip_leading=True) == stripped


@pytest.mark.parametrize("bad", ["../x", "a/../../x", "a\nb", "a\x00b"])
def test_remote_paths_that_nobody_agrees_on_are_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="remote path"):
        quote_path(bad)


@pytest.mark.parametrize(
    "bad", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "..\\x", "a\x00b", ".."]
)
def test_listed_names_that_lead_elsewhere_are_refused(bad: str) -> None:
    with pytest.raises(ManagementError, match="outside destination"):
        check_listed_name(bad, "folder")


@given(st.text(alphabet=st.sampled_from("./\\ab:\x00"), max_size=12))
def test_names_that_pass_stay_inside(name: str) -> None:
    try:
        check_listed_name(name, "folder")
    except ManagementError:
        return
    target = os.path.normpath(os.path.join("/root/of/all", *name.rstrip("/").split("/")))
    assert target.startswith("/root/of/all/")


def test_ensure_within(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path)
    assert utils.ensure_within(inside, inside / "x" / ".." / "y") == str(inside / "y")
    assert utils.ensure_within(inside, inside) == str(inside)
    for bad in (tmp_path, inside / ".." / "in2", inside / "link" / "x", "/etc/passwd"):
        with pytest.raises(ManagementError, match="outside destination"):
            utils.ensure_within(inside, bad)


def test_resolve_ignore_files(tmp_path: Path) -> None:
    for name in ("a.txt", "a.log", "sub/b.log", "sub/c.txt", "cache/d", "top/cache/e"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("")

    def found(*patterns: str) -> set[str]:
        paths = utils.resolve_ignore_files(tmp_path, list(patterns))
        return {os.path.relpath(p, tmp_path) for p in paths}

    assert found() == set()
    assert found("*.log") == {"a.log", "sub/b.log"}
    assert found("/*.log") == found(str(tmp_path / "*.log")) == {"a.log"}
    assert found("cache/") == {"cache/d", "top/cache/e"}
    assert found("*.log", "!sub/b.log") == {"a.log"}


# -- timing --


def test_route_of() -> None:
    path = "workspaces/0b5e8b3e-1111-2222-3333-444455556666/x/17/?force=true"
    assert timing.route_of("get", path) == "GET workspaces/{id}/x/{id}"


def test_traces_nest_and_sum_up(api: Any, workspaces: Any) -> None:
    with timing.trace() as outer:
        _ = workspaces.organization
        with timing.trace() as inner:
            api.fault(status=503)
            _ = workspaces.teams
            timing.sleep(0, "something")
    assert [e.label for e in inner.events] == ["GET teams", "something"]
    assert outer.events[1:] == inner.events
    assert outer.events[1] is inner.events[0]
    assert (inner.events[0].status, inner.events[0].retries) == (200, 1)
    assert inner.events[0].response_bytes == 2
    assert "GET teams -> 200 (retries=1)" in str(inner.events[0])
    assert inner.total(timing.REQUEST) <= inner.total() <= outer.elapsed
    assert [s.label for s in outer.stats(timing.WAIT)] == ["something"]
    assert "GET teams" in outer.summary()
    both = timing.Trace.combine([outer, inner])
    assert both.elapsed == outer.elapsed + inner.elapsed
    assert len(both.events) == 5
    assert both.unaccounted >= 0
    stat = both.stats(timing.REQUEST)[0]
    assert stat.min <= stat.mean <= stat.max
    assert not timing.recording()


def test_errors_are_recorded(workspaces: Any) -> None:
    with timing.trace() as trace:
        with pytest.raises(KeyError), timing.timed("block"):
            raise KeyError
        with pytest.raises(ManagementError):
            workspaces.get_team("x")
    assert [e.error for e in trace.events] == ["KeyError", None]
    assert trace.events[1].status == 400
    assert trace.stats()[0].errors + trace.stats()[1].errors == 1


def test_trace_option_prints(
    workspaces: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SINGLESTOREDB_MANAGEMENT_TRACE", "1")
    _ = workspaces.teams
    assert capsys.readouterr().err.startswith("[singlestoredb.management]")


def test_poll_cost() -> None:
    assert timing.poll_cost(timing.now(), 20) == 20
    assert timing.poll_cost(timing.now() - 100, 20) >= 100
    assert timing.Trace.of([], -5).elapsed == 0


# -- imports --


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_imports_little() -> None:
    out = run_python(
        "import sys, singlestoredb.management as m\n"
        "[getattr(m, name) for name in m.__all__]\n"
        "heavy = {'requests', 'urllib3', 'pathspec', 'rich', 'pandas', 'pytest'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert out == "[]\n"


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("requests", "from singlestoredb.management.cluster import ClusterManager as f\nf('t')"),
        ("pathspec", "from singlestoredb.management._paths import IgnoreRules as f\nf('*.log')"),
    ],
)
def test_missing_libraries_are_named(module: str, code: str) -> None:
    out = run_python(
        f"import sys\nsys.modules[{module!r}] = None\n"
        + "try:\n"
        + "".join(f"    {line}\n" for line in code.splitlines())
        + "except ImportError as exc:\n    print(exc, exc.name)"
    )
    assert "pip install 'singlestoredb[management]'" in out
    assert out.endswith(f"{module}\n")


def test_unknown_names_are_unknown() -> None:
    import singlestoredb.management

    with pytest.raises(AttributeError, match="manage_galaxies"):
        _ = singlestoredb.management.manage_galaxies
    assert "manage_clusters" in dir(singlestoredb.management)


def test_lists_may_be_written_as_calls(workspaces: WorkspaceManager, group: WorkspaceGroup) -> None:
    assert [g.id for g in workspaces.workspace_groups()] == [group.id]
    assert workspaces.regions() is workspaces.regions


# -- secrets ---------------------------------------------------------------------------------


def test_what_is_shown_of_a_request() -> None:
    body = {"name": "n", "adminPassword": "s", "token": None, "tags": ["a", {"password": "s"}]}
    assert redact(body) == {**body, "adminPassword": "***", "tags": ["a", {"password": "***"}]}
    assert redact({"name": "k", "value": "s"}) == {"name": "k", "value": "***"}
    assert redact({"unit": "h", "value": 5}) == {"unit": "h", "value": 5}


def test_the_secrets_of_a_request() -> None:
    body = {"name": "n", "password": ["a", "", 5, {"inner": "b"}], "tags": ["t"]}
    assert list(sensitive_texts(body)) == ["a", "b"]
    assert list(sensitive_texts({"name": "k", "value": "s"})) == ["s"]
    assert list(sensitive_texts({"unit": "h", "value": "s"})) == []


def test_texts_from_outside_hold_no_secret() -> None:
    for spelling in ('a"b c', 'a\\"b c', "a%22b%20c"):
        assert scrub(f"x {spelling} y", ['a"b c']) == "x *** y"
    assert scrub("x longer y", ["long", "longer"]) == "x *** y"
    assert scrub("a\x1b[2J", []) == "a\\x1b[2J"
    assert scrub("x" * _ERROR_TEXT_MAX, []) == "x" * _ERROR_TEXT_MAX
    assert scrub("x" * (_ERROR_TEXT_MAX + 1), []) == "x" * _ERROR_TEXT_MAX + "…"
