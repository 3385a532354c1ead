"""The chart of a report: CPU of each client relative to the reference's C extension."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PANELS = (
    ("Arrow table", "arrow", ("ints", "mixed", "strings")),
    ("Data frame", "pandas", ("ints", "mixed")),
    ("Data frame", "polars", ("ints", "mixed")),
    ("List of tuples", "tuples", ("ints", "mixed", "strings")),
    ("Short exchanges", "point", ("point",)),
    ("Short exchanges", "connect", ("point",)),
)
COLOURS = {
    "singlestoredb": "#aa00ff",
    "connectorx": "#ff7f0e",
    "polars.read_database_uri": "#d6a000",
    "pandas.read_sql": "#8c564b",
    "mysqlclient": "#1f77b4",
    "mariadb": "#17becf",
    "asyncmy": "#2ca02c",
    "aiomysql": "#98df8a",
    "mysql-connector": "#7f7f7f",
    "pymysql": "#d62728",
}
LEAST, MOST = 0.01, 10.0


def draw(found: list[dict[str, Any]], output: Path) -> None:
    """Draw measurements to ``output`` as PNG and SVG; raises ``ImportError`` without matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "singlestoredb"  # the same figure is the same file
    from matplotlib import pyplot

    by_key = {(f["mode"], f["dataset"]): f["clients"] for f in found}
    groups = [
        (f"{mode}\n{dataset}" if dataset != "point" else mode, by_key[mode, dataset])
        for _, mode, datasets in PANELS
        for dataset in datasets
        if (mode, dataset) in by_key
    ]
    figure, axes = pyplot.subplots(figsize=(13, 5), layout="constrained")
    at = 0.0
    ticks, names = [], []
    for name, clients in groups:
        bars = [
            (row["client"], float(row["cpu / reference"]))
            for row in clients
            if row["client"] in COLOURS and row["cpu / reference"] != "-"
        ]
        ticks.append(at + (len(bars) - 1) / 2)
        names.append(name)
        for client, ratio in bars:
            height = min(max(ratio, LEAST), MOST)
            axes.bar(at, height - LEAST, bottom=LEAST, width=0.9, color=COLOURS[client])
            axes.annotate(
                f"{ratio:.2f}", (at, height), ha="center", va="bottom", fontsize=6, rotation=90
            )
            at += 1
        at += 1
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_yscale("log")
    axes.set_ylim(LEAST, MOST * 2)
    axes.set_xticks(ticks, names, fontsize=8)
    axes.set_ylabel("CPU of the client; singlestoredb 1.18.1 (C) = 1")
    axes.set_title("What fetching costs the client: the same bytes, less is better")
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=colour) for colour in COLOURS.values()]
    axes.legend(handles, list(COLOURS), fontsize=7, ncols=5, loc="upper left", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(output.with_suffix(".png"), dpi=110)
    figure.savefig(output.with_suffix(".svg"), metadata={"Date": None})
    pyplot.close(figure)
