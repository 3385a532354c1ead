"""The examples of the README, as they are written there."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bitdotio import bitdotio, server

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)
FIRST = EXAMPLES[0]


def run(code: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("key_apart", [False, True])
def test_first_example(local: server.LocalServer, key_apart: bool) -> None:
    environment = dict(local.environment)
    if key_apart:
        environment = {"BITIO_API_URL": local.api_url, "BITIO_KEY": local.token}
    output = run(FIRST, environment)
    with bitdotio(local.token, api_url=local.api_url) as b:
        assert b.get_database("local/my-db")["is_private"] is False
        b.delete_database("local/my-db")
    people = {"Alice": 45, "Bob": 84, "Catherine": 19, "Davis": 22, "Emily": 34}
    answer = ast.literal_eval(output)
    assert answer["data"] == [{"name": name, "age": age} for name, age in people.items()]
    assert answer["metadata"] == {"name": "text", "age": "integer"}


def test_pools_without_an_api(local: server.LocalServer, database: str) -> None:
    assert local.postgres is not None
    code = next(example for example in EXAMPLES if "dbname_map" in example)
    for written, actual in {
        "5432": str(local.pg_port),
        '"me"': '"api_user"',
        '"…"': repr(local.token),
        'name.split("/")[-1]': "name",
    }.items():
        assert written in code
        code = code.replace(written, actual)
    code = (
        f"from bitdotio import bitdotio\n{code}\nprint(b.query({database!r}, 'SELECT 1')['data'])"
    )
    assert run(code, {}) == "[[1]]\n"


def test_back_end_from_python() -> None:
    code = next(example for example in EXAMPLES if "server.start()" in example)
    assert run(code, {}) == "local/db\n"
