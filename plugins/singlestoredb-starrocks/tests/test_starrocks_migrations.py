"""The documented workflow, from models to migrations and back, through the real Alembic CLI."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

from starrocks.reflection import StarRocksInspector
from starrocks.testing import StarRocksServer

MODELS = '''# models.py
from sqlalchemy.orm import declarative_base
from sqlalchemy import Column
from starrocks import INTEGER, VARCHAR

Base = declarative_base()

class MyTable(Base):
    __tablename__ = 'my_table'
    id = Column(INTEGER, primary_key=True)
    name = Column(VARCHAR(50))

    __table_args__ = {
        'starrocks_PRIMARY_KEY': 'id',
        'starrocks_ENGINE': 'OLAP',
        'starrocks_COMMENT': 'table comment',
        'starrocks_DISTRIBUTED_BY': 'HASH(id) BUCKETS 10',
        'starrocks_PARTITION_BY': """RANGE (id) (
                PARTITION p1 VALUES LESS THAN ('100')
            )""",
        'starrocks_PROPERTIES': {
            'storage_medium': 'SSD',
            'storage_cooldown_time': '2025-06-04 00:00:00',
            'replication_num': '1'
        }
    }
'''

# The document's second model uses DATETIME and does not import it; the import is added here.
MODIFIED = '''# myapps/models.py (after modification)
from sqlalchemy.orm import declarative_base
from sqlalchemy import Column
from starrocks import INTEGER, VARCHAR, DATETIME

Base = declarative_base()

class MyTable(Base):
    __tablename__ = 'my_table'
    id = Column(INTEGER, primary_key=True)
    name = Column(VARCHAR(50))
    new_column = Column(DATETIME, nullable=True) # Newly added column

    __table_args__ = {
        'starrocks_PRIMARY_KEY': 'id',
        'starrocks_ENGINE': 'OLAP',
        'starrocks_COMMENT': 'A modified table comment', # Modified comment
        'starrocks_PARTITION_BY': """RANGE (id) (
                PARTITION p1 VALUES LESS THAN ('100')
            )""",
        'starrocks_DISTRIBUTED_BY': 'HASH(id) BUCKETS 10',
        'starrocks_PROPERTIES': {
            'storage_medium': 'SSD',
            'replication_num': '1'
        }
    }
'''

VIEWS = """
from starrocks.sql.schema import View, MaterializedView

metadata = Base.metadata

my_view = View(
    'my_view',
    "SELECT id, name FROM my_table WHERE id > 50",
    metadata,
    comment='A sample view with all options.',
    columns=['user_id', 'user_name'],
    security='INVOKER',
)

plain_view = View('plain_view', "SELECT id, name FROM my_table WHERE id > 50", metadata)

my_mv = MaterializedView(
    'my_mv',
    "SELECT name, count(1) AS n FROM my_table GROUP BY name",
    metadata,
    properties={'replication_num': '1'},
    refresh='DEFERRED ASYNC EVERY(INTERVAL 1 HOUR)',
    distributed_by='HASH(name) BUCKETS 4',
)
"""


ENV_IMPORTS = """
# Add these imports at the top of your env.py
from starrocks.alembic import render  # For type rendering
from starrocks.alembic.starrocks import StarRocksImpl  # Ensure impl registered
from myapps import models  # Adjust 'myapps.models' to your actual models file path as defined later
"""

ENV_METADATA = """
target_metadata = models.Base.metadata

# Set the replication (by using kwargs) for test env if there is only on BE
version_table_kwargs = {
    "starrocks_properties": {"replication_num":"1"},
}
"""

CONFIGURE = """
        render_item=render.render_column_type,
        version_table_kwargs=version_table_kwargs,
    )"""


# Runs Alembic's command line for each line of input (its arguments, as JSON) in a fork, so that an
# interpreter with everything imported is started once and not thirty times.
RUNNER = """
import json, os, sys
import alembic.config, alembic.command, pymysql, starrocks.alembic
for line in sys.stdin:
    output, arguments = json.loads(line)
    child = os.fork()
    if child == 0:
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1), os.dup2(file, 2)
        sys.stdin.close()
        alembic.config.main(arguments)
        sys.exit()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def look(engine: Engine) -> StarRocksInspector:
    inspector = inspect(engine)
    assert isinstance(inspector, StarRocksInspector)
    return inspector


class Project:
    """An Alembic project in a directory, as the documentation describes it.

    Every command must succeed unless stated otherwise.
    """

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self.output = ""
        self._runner = subprocess.Popen(
            [sys.executable, "-c", RUNNER],
            cwd=path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.run("init", "alembic")
        ini = path / "alembic.ini"
        ini.write_text(
            re.sub("(?m)^sqlalchemy.url = .*$", f"sqlalchemy.url = {url}", ini.read_text())
        )
        env = path / "alembic" / "env.py"
        text = env.read_text().replace("target_metadata = None", ENV_METADATA)
        text = text.replace(
            "from alembic import context\n", "from alembic import context" + ENV_IMPORTS
        )
        # Both calls of context.configure end the same way: a parenthesis on a line of its own, or
        # behind the last argument.
        text = text.replace('dialect_opts={"paramstyle": "named"},\n    )', "@offline@")
        text = text.replace("target_metadata=target_metadata\n        )", "@online@")
        assert "@offline@" in text
        assert "@online@" in text
        text = text.replace("@offline@", 'dialect_opts={"paramstyle": "named"},' + CONFIGURE)
        text = text.replace("@online@", "target_metadata=target_metadata," + CONFIGURE)
        env.write_text(text)
        (path / "myapps").mkdir()
        (path / "myapps" / "__init__.py").write_text("")

    def models(self, source: str) -> None:
        """Write the application's models."""
        (self.path / "myapps" / "models.py").write_text(source)

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run ``alembic`` and return what it prints."""
        assert self._runner.stdin is not None
        assert self._runner.stdout is not None
        log = self.path / "output.txt"
        self._runner.stdin.write(json.dumps([str(log), arguments]) + "\n")
        self._runner.stdin.flush()
        status = self._runner.stdout.readline()
        self.output = log.read_text()
        assert status.strip() == str(code), self.output
        return self.output

    def close(self) -> None:
        """End the interpreter that runs the commands."""
        self._runner.communicate(timeout=30)

    def revision(self, message: str) -> str:
        """Autogenerate a revision, and return its text."""
        before = set((self.path / "alembic" / "versions").glob("*.py"))
        self.run("revision", "--autogenerate", "-m", message)
        (new,) = set((self.path / "alembic" / "versions").glob("*.py")) - before
        return new.read_text()

    def body(self, text: str, function: str) -> str:
        """Return the statements of ``upgrade`` or ``downgrade`` in a revision's text."""
        match = re.search(
            rf"def {function}\(\) -> None:.*?Alembic - please adjust! ###\n(.*?)\s*# ### end",
            text,
            re.DOTALL,
        )
        assert match is not None, text
        return "\n".join(line[4:] for line in match[1].splitlines()).strip()


@pytest.fixture
def project(tmp_path: Path, server: StarRocksServer) -> Iterator[Project]:
    made = Project(tmp_path, server.url())
    yield made
    made.close()


def test_documented_workflow(project: Project, engine: Engine) -> None:
    project.models(MODELS)
    first = project.revision("Create initial tables and views")
    assert "from starrocks import *" in first
    upgrade = project.body(first, "upgrade")
    assert upgrade.startswith("op.create_table('my_table',\nsa.Column('id', INTEGER(), nullable=")
    assert "sa.Column('name', VARCHAR(length=50), nullable=True)" in upgrade
    assert "starrocks_PRIMARY_KEY='id'" in upgrade
    assert project.body(first, "downgrade") == "op.drop_table('my_table')"

    offline = project.run("upgrade", "head", "--sql")
    assert "CREATE TABLE alembic_version (\n    id BIGINT NOT NULL AUTO_INCREMENT," in offline
    assert "PRIMARY KEY (id)\nCOMMENT 'table comment'\nPARTITION BY RANGE (id) (" in offline

    project.run("upgrade", "head")
    assert look(engine).get_table_names() == ["alembic_version", "my_table"]
    project.run("check")
    empty = project.revision("Verify no changes")
    assert project.body(empty, "upgrade") == "pass"
    project.run("upgrade", "head")

    project.models(MODIFIED)
    second = project.revision("Add column and modify comment")
    assert project.body(second, "upgrade") == (
        "op.add_column('my_table', sa.Column('new_column', DATETIME(), nullable=True))\n"
        "op.alter_table('my_table', comment='A modified table comment')"
    )
    assert project.body(second, "downgrade") == (
        "op.alter_table('my_table', comment='table comment')\n"
        "op.drop_column('my_table', 'new_column')"
    )
    assert "2 changes of table my_table in one migration" in project.output
    assert "storage_cooldown_time='2025-06-04 00:00:00'" in project.output
    project.run("upgrade", "head")
    project.run("check")
    columns = [column["name"] for column in look(engine).get_columns("my_table")]
    assert columns == ["id", "name", "new_column"]
    assert look(engine).get_table_comment("my_table") == {"text": "A modified table comment"}

    project.run("downgrade", "-1")
    assert look(engine).get_table_comment("my_table") == {"text": "table comment"}
    project.run("downgrade", "base")
    assert look(engine).get_table_names() == ["alembic_version"]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).all() == []
    project.run("upgrade", "head")
    project.run("check")


def test_views_follow_their_models(project: Project, engine: Engine) -> None:
    project.models(MODELS + VIEWS)
    first = project.revision("tables and views")
    upgrade = project.body(first, "upgrade")
    assert "op.create_view('plain_view', 'SELECT id, name FROM my_table WHERE id > 50')" in upgrade
    assert "op.create_materialized_view(" in upgrade
    assert upgrade.count("op.create_table(") == 1
    downgrade = project.body(first, "downgrade")
    assert "op.drop_view('plain_view')" in downgrade
    assert downgrade.endswith("op.drop_table('my_table')")
    project.run("upgrade", "head")
    project.run("check")
    view = look(engine).get_view("my_view")
    assert view.comment == "A sample view with all options."
    assert view.security == "INVOKER"
    assert [name for name, _ in view.columns] == ["user_id", "user_name"]

    changed = VIEWS.replace('id > 50",\n    metadata', 'id > 60",\n    metadata')
    changed = changed.replace("count(1) AS n", "max(id) AS n").replace("A sample", "Another")
    project.models(MODELS + changed.replace("plain_view = View", "#"))
    second = project.revision("definitions")
    upgrade = project.body(second, "upgrade")
    assert upgrade.startswith("op.drop_view('plain_view')\nop.alter_view(")
    assert "op.alter_materialized_view(" in upgrade
    assert "comment" not in upgrade.split("op.alter_materialized_view")[0]
    assert "StarRocks can alter a view's query only" in project.output
    assert "drops it and creates it anew" in project.output
    project.run("upgrade", "head")
    project.run("check")
    assert "60" in look(engine).get_view("my_view").definition
    assert "max" in look(engine).get_materialized_view_definition("my_mv")

    refreshed = changed.replace("1 HOUR", "2 HOUR").replace("plain_view = View", "#")
    project.models(MODELS + refreshed)
    third = project.revision("refresh")
    assert project.body(third, "upgrade") == (
        "op.alter_materialized_view('my_mv', refresh='DEFERRED ASYNC EVERY(INTERVAL 2 HOUR)')"
    )
    project.run("upgrade", "head")
    project.run("check")

    project.run("downgrade", "-2")
    assert set(look(engine).get_view_names()) == {"my_view", "plain_view"}
    assert "50" in look(engine).get_view("my_view").definition
    assert "count" in look(engine).get_materialized_view_definition("my_mv")
    project.run("downgrade", "base")
    assert look(engine).get_view_names() == []
    assert look(engine).get_materialized_view_names() == []
    script = project.run("upgrade", "head", "--sql")
    assert "CREATE VIEW my_view (" in script
    assert "SECURITY INVOKER\nAS\nSELECT id, name FROM my_table WHERE id > 50;" in script


def test_a_difference_that_cannot_be_migrated_says_so(project: Project) -> None:
    project.models(MODELS)
    project.revision("first")
    project.run("upgrade", "head")
    project.models(MODELS.replace("'starrocks_PRIMARY_KEY'", "'starrocks_UNIQUE_KEY'"))
    output = project.run("revision", "--autogenerate", "-m", "key", code=1)
    assert "the key is 'primary_key' and should be 'unique_key'" in output
