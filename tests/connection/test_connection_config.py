"""Options: where values come from, and that contexts put them back."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from singlestoredb import config
from singlestoredb.config import describe_option, get_option, option_context, options, set_option


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    with option_context("results.type", "tuples", "port", 0, "password", None):
        yield


def test_names_in_full_by_suffix_and_as_keywords() -> None:
    assert get_option("results.type") == "tuples"
    assert get_option("Results.TYPE") == "tuples"
    assert get_option("type") == "tuples"
    assert get_option("results_type") == "tuples"
    assert get_option("host") == "127.0.0.1"
    assert options.results.type == "tuples"
    assert options.get("results_type") == "tuples"


def test_names_that_do_not_exist() -> None:
    with pytest.raises(TypeError, match=r"bogus is not a valid option name\."):
        get_option("bogus")
    with pytest.raises(TypeError, match="did you mean password"):
        get_option("pasword")
    with pytest.raises(TypeError, match="group of options"):
        get_option("results")
    with pytest.raises(KeyError, match=r"a\.b is not a valid option name"):
        get_option("a.b")
    with pytest.raises(KeyError, match="ambiguous"):
        get_option("connection")


def test_set_takes_every_form() -> None:
    set_option("results.type", "dicts", "port", 5)
    assert (options.results.type, options.port) == ("dicts", 5)
    set_option(("results.type", "numpy"), ("port", 6))
    assert (options.results.type, options.port) == ("numpy", 6)
    set_option({"results.type": "arrow"}, port=7)
    assert (options.results.type, options.port) == ("arrow", 7)
    options.set("port", 8)
    options.results.type = "polars"
    assert (options.results.type, options.port) == ("polars", 8)
    config.reset_option("results.type")
    assert options.results.type == "tuples"


def test_a_value_that_is_not_allowed_sets_nothing() -> None:
    with pytest.raises(ValueError, match="larger than the maximum"):
        set_option("results.type", "dicts", "port", 70000)
    assert options.results.type == "tuples"


def test_environment_wins_and_is_rewritten_by_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINGLESTOREDB_PORT", "11")
    assert options.port == 11
    options.port = 12
    assert os.environ["SINGLESTOREDB_PORT"] == "12"
    assert options.port == 12
    monkeypatch.delenv("SINGLESTOREDB_PORT")
    assert options.port == 12
    monkeypatch.setenv("SINGLESTOREDB_PORT", "many")
    with pytest.raises(ValueError, match="environment variable SINGLESTOREDB_PORT: 'many' is not"):
        _ = options.port


def test_contexts_restore_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINGLESTOREDB_PORT", "11")
    with pytest.raises(KeyError), options(results_type="arrow", port=1):
        raise KeyError((options.results.type, options.port))
    assert (options.results.type, options.port) == ("tuples", 11)
    assert os.environ["SINGLESTOREDB_PORT"] == "11"
    with options.option_context("results.type", "numpy"), option_context({"port": 2}):
        assert (options.results.type, options.port) == ("numpy", 2)
    with pytest.raises(ValueError, match="not an integer"), option_context(port="x"):
        pass


def test_descriptions_hide_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    options.password = "s3cret"
    assert describe_option("password") is None
    shown = capsys.readouterr().out
    assert "s3cret" not in shown
    assert "[default: None] [currently: ***]" in shown
    for url in ("u:s3cret@h/db", "mysql://u:s3@cret@h:1/db?x=y", "u:s3cret@", "//u:s3:x@h"):
        with option_context("host", url):
            shown = describe_option("host", _print_desc=False) or ""
        assert "s3" not in shown
        assert "u:***@" in shown
    everything = describe_option(_print_desc=False) or ""
    assert "results.type : string" in everything
    assert "fusion.enabled" in (describe_option("fusion", _print_desc=False) or "")
    with pytest.raises(KeyError):
        describe_option("bogus")


def test_groups() -> None:
    group = config.get_suboptions("results")
    assert group["type"].name == "results.type"
    with pytest.raises(TypeError):
        config.get_suboptions("host")
    with pytest.raises(KeyError):
        config.get_suboptions("bogus")
    assert "type" in dir(options.results)
    assert config.get_default("results.type") == "tuples"
