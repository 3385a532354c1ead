"""Adds ``SHOW ACME THINGS`` to SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from singlestoredb.fusion import STRING, FusionSQLResult, SQLHandler, hookimpl


class Thing(NamedTuple):
    """Something that Acme has."""

    name: str
    room: str


INVENTORY = (
    Thing("kettle", "kitchen"),
    Thing("knife", "kitchen"),
    Thing("pan", "kitchen"),
    Thing("lamp", "study"),
)


def things(room: str | None) -> Iterator[Thing]:
    """Iterate over the things of a room, or of all rooms."""
    return (thing for thing in INVENTORY if room is None or thing.room == room)


class ShowThings(SQLHandler):
    """
    SHOW ACME THINGS [ in_room ] [ <like> ] [ <order-by> ] [ <limit> ];

    # where to look
    in_room = IN ROOM '<room>'

    Description
    -----------
    List the things of a room.
    """

    def run(self, params: dict[str, Any]) -> FusionSQLResult:
        """List the things."""
        out = FusionSQLResult()
        out.add_field("Name", STRING)
        out.set_rows([(t.name,) for t in things(params["in_room"])])
        return out.like(Name=params["like"]).order_by(**params["order_by"]).limit(params["limit"])


@hookimpl
def s2_fusion_handlers() -> Sequence[type[SQLHandler]]:
    """Return the commands of this package."""
    return [ShowThings]
