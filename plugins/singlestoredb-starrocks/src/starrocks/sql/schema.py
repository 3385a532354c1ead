"""Views and materialized views as objects of a ``MetaData``.

Both are ``Table`` subclasses: they can be selected from, reflected, created and dropped with the
rest of the metadata. They are also listed in ``metadata.info["views"]`` and
``metadata.info["materialized_views"]``, by ``(schema, name)``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Column, MetaData, Table
from sqlalchemy import types as sqltypes
from sqlalchemy.sql.selectable import SelectBase

from starrocks.options import given_options

TABLE_KIND = "table_kind"
"""Key of ``Table.info``: ``TABLE``, ``VIEW`` or ``MATERIALIZED_VIEW``."""
DEFINITION = "definition"
"""Key of ``Table.info``: the query of a view, as text or as a SELECT."""

_SECURITY = ("INVOKER", "NONE")


class ViewColumn(NamedTuple):
    """A column as the statement that creates a view names it."""

    name: str
    comment: str | None


class View(Table):
    """A view: ``View("v", "SELECT id FROM t", metadata)`` or ``View("v", metadata, definition=…)``.

    *definition* is text or a SELECT. *columns* names the columns: names, ``{"name": …, "comment":
    …}`` or ``Column`` objects, which may also be given as positional arguments; ``Column`` objects
    alone make the view selectable by column. *comment*, *schema* and *security* (``INVOKER`` or
    ``NONE``) are those of StarRocks. Options may be spelt plainly or with ``starrocks_``.

    Raise ``TypeError`` for a definition of another kind and ``ValueError`` for a missing definition
    or malformed columns. A view is created after the tables and views declared before it.
    """

    # Shares SQLAlchemy's cached compilation of Table: nothing here changes how it is selected from.
    inherit_cache = True

    sql_kind = "VIEW"
    """The words for it in SQL."""
    kind = "VIEW"
    """Its value of ``info["table_kind"]``."""
    registry_key = "views"
    """Its key in ``metadata.info``."""
    plain_options: tuple[str, ...] = ("security",)

    definition: str | SelectBase
    declared_columns: tuple[ViewColumn, ...]

    def __new__(cls, *args: Any, **kw: Any) -> Any:
        if not args and not kw:  # unpickling
            return super().__new__(cls)
        name, metadata, columns, keywords = cls._arguments(args, kw)
        return super().__new__(cls, name, metadata, *columns, **keywords)  # type: ignore[call-arg]  # typed as of object

    def __init__(self, *args: Any, _no_init: bool = True, **kw: Any) -> None:
        if _no_init:  # Python's call after __new__, which has made everything already
            return
        name, metadata, *columns = args
        definition = kw.pop("definition")
        declared = kw.pop("declared_columns")
        dependencies = list(metadata.tables.values())
        info = {**(kw.pop("info", None) or {}), TABLE_KIND: self.kind, DEFINITION: definition}
        self.definition = definition
        self.declared_columns = declared
        super().__init__(name, metadata, *columns, _no_init=False, info=info, **kw)
        for table in dependencies:
            if table is not self:
                self.add_is_dependent_on(table)
        metadata.info.setdefault(self.registry_key, {})[(self.schema, self.name)] = self

    @classmethod
    def _arguments(
        cls, args: tuple[Any, ...], kw: dict[str, Any]
    ) -> tuple[str, MetaData, list[Column[Any]], dict[str, Any]]:
        """Sort the arguments of every accepted signature into those of ``Table``."""
        keywords = dict(kw)
        rest = list(args)
        name = rest.pop(0) if rest else keywords.pop("name", None)
        definition = keywords.pop("definition", None)
        metadata = keywords.pop("metadata", None)
        items: list[Any] = []
        for argument in rest:
            if isinstance(argument, MetaData):
                if metadata is not None and metadata is not argument:
                    raise TypeError(f"{cls.__name__} {name!r} is given two different MetaData")
                metadata = argument
            elif isinstance(argument, (str, SelectBase)) and definition is None:
                definition = argument
            else:
                items.append(argument)
        if not isinstance(name, str) or metadata is None:
            raise TypeError(f"{cls.__name__} needs a name and a MetaData")
        if definition is None or definition == "":
            raise ValueError(f"{cls.__name__} {name!r} needs a definition: text or a SELECT")
        if not isinstance(definition, (str, SelectBase)):
            raise TypeError(
                f"the definition of {cls.__name__} {name!r} is text or a SELECT, not "
                f"{type(definition).__name__}"
            )
        items += keywords.pop("columns", None) or ()
        columns, declared = _columns(name, items)
        for option in cls.plain_options:
            if option in keywords:
                keywords[f"starrocks_{option}"] = keywords.pop(option)
        cls._translate(keywords)
        security = keywords.get("starrocks_security", keywords.get("starrocks_SECURITY"))
        if security is not None and str(security).upper() not in _SECURITY:
            raise ValueError(
                f"security of view {name!r} is {' or '.join(_SECURITY)}, not {security!r}"
            )
        if not columns and isinstance(definition, SelectBase):
            names = [column.name for column in declared]
            columns = [
                Column(names[index] if index < len(names) else column.name, column.type)
                for index, column in enumerate(definition.selected_columns)
                if getattr(column, "name", None) is not None
            ]
        return (
            name,
            metadata,
            columns,
            {
                **keywords,
                "definition": definition,
                "declared_columns": declared,
            },
        )

    @classmethod
    def _translate(cls, keywords: dict[str, Any]) -> None:
        """Translate options that have more than one spelling, in place."""

    @property
    def security(self) -> str | None:
        """``INVOKER``, ``NONE`` or ``None``."""
        value = given_options(self).get("security")
        return None if value is None else str(value).upper()

    def _init_existing(self, *args: Any, **kw: Any) -> None:
        definition = kw.pop("definition", self.definition)
        declared = kw.pop("declared_columns", ())
        super()._init_existing(*args, **kw)
        self.definition = definition
        self.info[DEFINITION] = definition
        if declared:
            self.declared_columns = declared

    def to_metadata(self, metadata: MetaData, **kw: Any) -> Any:  # type: ignore[override]  # schema= and name= as in Table
        """Return a copy of this view for *metadata*; ``schema=`` and ``name=`` may change."""
        return type(self)(
            kw.get("name") or self.name,
            metadata,
            *(column._copy() for column in self.columns),
            definition=self.definition,
            columns=[column._asdict() for column in self.declared_columns],
            schema=kw["schema"] if isinstance(kw.get("schema"), str) else self.schema,
            comment=self.comment,
            info={k: v for k, v in self.info.items() if k not in (TABLE_KIND, DEFINITION)},
            **self.kwargs,
        )


class MaterializedView(View):
    """A materialized view, with the clauses of a table and a refresh scheme.

    Options, plain or with ``starrocks_``: *partition_by*, *distributed_by*, *order_by*, *refresh*
    (``"DEFERRED ASYNC EVERY(INTERVAL 1 HOUR)"``), *properties*. ``refresh_moment="DEFERRED"`` and
    ``refresh_type="ASYNC"`` together are the same as *refresh*.
    """

    inherit_cache = True

    sql_kind = "MATERIALIZED VIEW"
    kind = "MATERIALIZED_VIEW"
    registry_key = "materialized_views"
    plain_options = ("partition_by", "distributed_by", "order_by", "refresh", "properties")

    @classmethod
    def _translate(cls, keywords: dict[str, Any]) -> None:
        parts = [keywords.pop(name, None) for name in ("refresh_moment", "refresh_type")]
        refresh = " ".join(part for part in parts if part)
        if refresh:
            if "starrocks_refresh" in keywords:
                raise TypeError("give either refresh or refresh_moment and refresh_type")
            keywords["starrocks_refresh"] = refresh


def _columns(view: str, items: Iterable[Any]) -> tuple[list[Column[Any]], tuple[ViewColumn, ...]]:
    """Return the typed columns and the declared ones among what a view was given for columns."""
    typed: dict[str, Column[Any]] = {}
    declared: dict[str, ViewColumn] = {}
    for item in items:
        if isinstance(item, Column):
            typed[item.name] = item
            declared.setdefault(item.name, ViewColumn(item.name, item.comment))
        elif isinstance(item, str) and item:
            declared.setdefault(item, ViewColumn(item, None))
        elif isinstance(item, Mapping) and isinstance(item.get("name"), str):
            declared[item["name"]] = ViewColumn(item["name"], item.get("comment"))
        else:
            raise ValueError(
                f"a column of view {view!r} is a name, a Column or a dict with 'name' and "
                f"'comment', not {item!r}"
            )
    columns = [
        typed[name] if name in typed else Column(name, sqltypes.NullType()) for name in declared
    ]
    return columns, tuple(declared.values())
