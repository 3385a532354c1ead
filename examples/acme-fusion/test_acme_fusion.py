"""The command, run without a server."""

from __future__ import annotations

import pytest
from acme_fusion import ShowThings


def names(sql: str) -> list[str]:
    return [name for (name,) in ShowThings(None).execute(sql)]


def test_lists_everything() -> None:
    assert names("SHOW ACME THINGS") == ["kettle", "knife", "pan", "lamp"]


def test_clauses() -> None:
    assert names("SHOW ACME THINGS IN ROOM 'kitchen' LIKE 'k%' LIMIT 3;") == ["kettle", "knife"]
    assert names("show acme things order by name desc limit 1") == ["pan"]


def test_points_at_what_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"expected .*LIMIT.* \(did you mean LIMIT\?\)"):
        names("SHOW ACME THINGS LIMITT 3")
