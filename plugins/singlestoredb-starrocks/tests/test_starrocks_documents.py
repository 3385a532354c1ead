"""What the documents show runs as it is written."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData

from starrocks.sql.schema import MaterializedView, View
from starrocks.testing import StarRocksServer

HERE = Path(__file__).parent.parent
BLOCKS = re.findall(r"```python\n(.*?)```", (HERE / "README.md").read_text(), re.DOTALL)

ORM_EXAMPLE = '''
from sqlalchemy import Column, Integer, String, Date, text, create_engine
from sqlalchemy.orm import declarative_base, sessionmaker
from starrocks import BITMAP, INTEGER, DATE, STRING # Import StarRocks specific types
from datetime import date


# --- StarRocks Table declaration ---

Base = declarative_base()

class PageViewAggregates(Base):
    __tablename__ = 'page_view_aggregates'

    page_id = Column(INTEGER, primary_key=True, starrocks_is_agg_key=True)
    visit_date = Column(DATE, primary_key=True, starrocks_is_agg_key=True)
    total_views = Column(INTEGER, starrocks_agg_type='SUM')
    last_user = Column(STRING, starrocks_agg_type='REPLACE')
    distinct_users = Column(BITMAP, starrocks_agg_type='BITMAP_UNION')

    __table_args__ = {
        'starrocks_AGGREGATE_KEY': 'page_id, visit_date',
        'starrocks_PARTITION_BY': 'date_trunc("day", visit_date)',
        'starrocks_DISTRIBUTED_BY': 'HASH(page_id)',
        'starrocks_PROPERTIES': {"replication_num": "1"}
    }

# --- Data Insertion and Query Examples ---

# Assuming `engine` is already created as shown in "Basic Operations"
engine = create_engine('starrocks://myname:pswd1234@localhost:9030/mydatabase')

Base.metadata.create_all(engine) # Create the table in the database

Session = sessionmaker(bind=engine)
session = Session()

# Insert data
new_data = PageViewAggregates(
    page_id=1,
    visit_date=date(2023, 10, 26),
    total_views=100,
    last_user="user_A",
    distinct_users=None # BITMAP/HLL types might require specific functions for value insertion
)
session.add(new_data)
session.commit()

# Insert data using raw SQL (two records with same key for aggregation)
with engine.connect() as connection:
    connection.execute(
        text("""
            INSERT INTO page_view_aggregates
            (page_id, visit_date, total_views, last_user, distinct_users)
            VALUES
                (:page_id_1, :visit_date_1, :total_views_1, :last_user_1, NULL),
                (:page_id_2, :visit_date_2, :total_views_2, :last_user_2, NULL)"""),
            {
                "page_id_1": 2, "visit_date_1": "2023-10-27",
                "total_views_1": 200, "last_user_1": "user_B",
                "page_id_2": 2, "visit_date_2": "2023-10-27",
                "total_views_2": 150, "last_user_2": "user_C"
            })
    connection.commit()

# Query all data to verify aggregation
all_results = session.query(PageViewAggregates).order_by(PageViewAggregates.page_id).all()
print(f"Total unique rows after insertions: {len(all_results)}")
for row in all_results:
    print(f"  Page ID: {row.page_id}, Visit Date: {row.visit_date}, Total Views: {row.total_views}, Last User: {row.last_user}")

session.close()
'''  # noqa: E501 - the document's lines


@pytest.mark.parametrize("index", range(len(BLOCKS)))
def test_readme(index: int) -> None:
    source = BLOCKS[index]
    if "singlestoredb" in source:
        pytest.importorskip("singlestoredb")
    exec(compile(source, f"README.md block {index}", "exec"), {})


def test_readme_has_its_examples() -> None:
    assert len(BLOCKS) == 4


def test_orm_example(capsys: pytest.CaptureFixture[str]) -> None:
    with StarRocksServer(users={"myname": "pswd1234"}, databases=("mydatabase",)) as server:
        source = ORM_EXAMPLE.replace("localhost:9030", f"127.0.0.1:{server.port}")
        namespace = {"__name__": "example"}
        exec(compile(source, "ORM example", "exec"), namespace)
        namespace["engine"].dispose()  # type: ignore[attr-defined]  # an engine
    assert capsys.readouterr().out.splitlines() == [
        "Total unique rows after insertions: 2",
        "  Page ID: 1, Visit Date: 2023-10-26, Total Views: 100, Last User: user_A",
        "  Page ID: 2, Visit Date: 2023-10-27, Total Views: 350, Last User: user_C",
    ]


def test_metadata_given_twice() -> None:
    metadata = MetaData()
    view = View(
        "my_view",
        "SELECT id, name FROM my_table WHERE id > 50",
        metadata,
        schema="my_schema",
        comment="A sample view with all options.",
        columns=["user_id", "user_name"],
        security="INVOKER",
        metadata=metadata,
    )
    mv = MaterializedView(
        "my_mv",
        "SELECT name, count(1) FROM my_table GROUP BY name",
        metadata,
        properties={"replication_num": "1"},
        metadata=metadata,
    )
    assert metadata.info["views"] == {("my_schema", "my_view"): view}
    assert metadata.info["materialized_views"] == {(None, "my_mv"): mv}
    assert set(metadata.tables) == {"my_schema.my_view", "my_mv"}


@pytest.mark.parametrize(
    ("arguments", "keywords", "error"),
    [
        (("v", "SELECT 1"), {}, TypeError),
        (("v", "SELECT 1", MetaData()), {"metadata": MetaData()}, TypeError),
        (("v", MetaData()), {}, ValueError),
        (("v", MetaData()), {"definition": 5}, TypeError),
        (("v", "SELECT 1", MetaData()), {"columns": [5]}, ValueError),
        (("v", "SELECT 1", MetaData()), {"columns": [{"comment": "c"}]}, ValueError),
        (("v", "SELECT 1", MetaData()), {"security": "DEFINER"}, ValueError),
    ],
)
def test_views_refuse_what_is_wrong(
    arguments: tuple[Any, ...], keywords: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        View(*arguments, **keywords)


def test_views_can_be_copied_and_redefined() -> None:
    view = View("v", "SELECT 1 AS a", MetaData(), columns=["a"], comment="c", security="NONE")
    copied = view.to_metadata(MetaData(), schema="s")
    assert (copied.definition, copied.schema, copied.comment) == ("SELECT 1 AS a", "s", "c")
    assert (copied.security, copied.declared_columns) == ("NONE", view.declared_columns)
    assert type(copied) is View
    unpickled = pickle.loads(pickle.dumps(view.metadata)).tables["v"]
    assert (type(unpickled), unpickled.definition, unpickled.security) == (
        View,
        "SELECT 1 AS a",
        "NONE",
    )
    again = View("v", view.metadata, definition="SELECT 2 AS a", extend_existing=True)
    assert again is view
    assert view.definition == view.info["definition"] == "SELECT 2 AS a"
    assert View("v", view.metadata, definition="SELECT 3", keep_existing=True) is view
    assert view.definition == "SELECT 2 AS a"


@pytest.mark.parametrize("path", sorted((HERE / "examples").glob("*.py")), ids=lambda p: p.name)
def test_examples(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = {
        "quickstart_autogen_views.py": ("op.create_view('large_orders'", "0 operations"),
        "view_examples.py": ("3 visits of 20 seconds or more", "INTERVAL 1 DAY"),
        "view_naming_examples.py": ("naming_west.answer 42", "the `number`"),
    }[path.name]
    for text in expected:
        assert text in done.stdout


def test_without_alembic_the_error_says_how_to_install_it() -> None:
    code = "import sys; sys.modules['alembic'] = None; import starrocks.alembic"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.endswith("pip install 'singlestoredb-starrocks[alembic]'\n")
