"""Which command a statement is.

Commands come from :meth:`SQLHandler.register` and from the plugins of the family ``fusion``.  A
statement is looked up by its first words in a tree of keywords: for most statements that is one
look-up which finds nothing.
"""

from __future__ import annotations

import difflib
import logging
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from singlestoredb import config as _options  # noqa: F401 - registers the option read below
from singlestoredb import kernel
from singlestoredb.utils.config import Changes, option

from .literals import masked

if TYPE_CHECKING:
    from singlestoredb.kernel.catalog import PluginRecord

    from .handler import SQLHandler
    from .result import FusionSQLResult

    Handler: TypeAlias = type[SQLHandler]

log = logging.getLogger("singlestoredb.plugins")

_enabled = option("fusion.enabled")
_lock = threading.RLock()

_handlers: dict[str, Handler] = {}
"""Commands registered by :func:`register_handler`: keywords in capitals → class."""


@dataclass
class _Node:
    """What may follow some keywords."""

    children: dict[str, _Node] = field(default_factory=dict)
    handler: Handler | None = None
    conflict: str = ""
    """Why the command that ends here cannot be used."""


@dataclass(frozen=True)
class _Index:
    root: dict[str, _Node]
    plugins: tuple[int, int]
    """Stands for the set of plugins that the index was made from."""


_index: _Index | None = None


# -- plugins ---------------------------------------------------------------------------------


def _plugin_set() -> tuple[int, int]:
    """Return what stays the same until a plugin is added or removed, or an option changes that
    may switch one off."""
    return kernel.get_registry().generation, Changes.count


def _plugin_handlers() -> list[tuple[Any, PluginRecord | None]]:
    """Activate the plugins of the family ``fusion`` and collect ``(class, where it came from)``."""
    registry = kernel.get_registry()
    for record, error in registry.activate_all("fusion"):
        log.warning("the Fusion SQL commands of %s are missing: %s", record.origin, error)
    return [
        (handler, registry.origin(plugin)) for handler, plugin in registry.manager.fusion_handlers()
    ]


@dataclass(frozen=True)
class _Offer:
    handler: Handler
    record: PluginRecord | None

    @property
    def rank(self) -> int:
        """Who wins a command: what was told to replace others, then what the SDK ships."""
        if self.record is None:
            return 0
        return 2 if self.record.replaces else int(self.record.is_own)


def _offers() -> dict[str, list[_Offer]]:
    """Return what plugins offer for each command; what is no command is reported and left out."""
    from .handler import SQLHandler

    offers: dict[str, list[_Offer]] = {}
    for handler, record in _plugin_handlers():
        origin = record.origin if record else "a plugin"
        if not (isinstance(handler, type) and issubclass(handler, SQLHandler)):
            log.warning("%s: %r is not a subclass of SQLHandler", origin, handler)
            continue
        if not handler.is_available():
            continue
        try:
            key = _key(handler)
        except ValueError as exc:
            log.warning("%s: a Fusion SQL command is missing: %s", origin, exc)
            continue
        of_key = offers.setdefault(key, [])
        if all(offer.handler is not handler for offer in of_key):
            of_key.append(_Offer(handler, record))
    return offers


def _conflict(key: str, offers: list[_Offer]) -> str:
    lines = [f"several plugins provide the Fusion SQL command {key}:"]
    names = []
    for offer in offers:
        origin, name = "(unknown)", ""
        if offer.record is not None:
            origin, name = offer.record.origin, offer.record.key
        lines.append(f"  {origin}    {name}    {offer.handler._name()}")
        names.append(name)
    remedy = names[-1]
    if offers[-1].record is not None and len(set(names)) < len(names):
        remedy = f"dist:{offers[-1].record.distribution}"
    lines.append(
        f"Switch one off, for example with SINGLESTOREDB_PLUGINS_DISABLE={remedy} "
        "(or plugins.disable in the configuration file)."
    )
    return "\n".join(lines)


# -- registration ----------------------------------------------------------------------------


def _key(handler: Handler) -> str:
    return " ".join(handler._source().key).upper()


def register_handler(handler: Handler, overwrite: bool = False) -> None:
    """Add a command to this process; see :meth:`SQLHandler.register`."""
    global _index
    if not handler.is_available():
        return
    key = _key(handler)
    with _lock:
        known = _handlers.get(key)
        if known is not None and not overwrite:
            raise ValueError(f"command already exists, use overwrite=True to override: {key}")
        _handlers[key] = handler
        _index = None


def unregister_handler(handler: Handler) -> None:
    """Undo :func:`register_handler`; nothing when the class is not registered."""
    global _index
    with _lock:
        for key in [key for key, known in _handlers.items() if known is handler]:
            del _handlers[key]
        _index = None


def handlers() -> dict[str, Handler]:
    """Return all usable commands, sorted: keywords in capitals → class.

    Commands that several plugins claim are left out.
    """
    found: dict[str, Handler] = {}
    pending = [("", node) for node in [_Node(_current().root)]]
    while pending:
        key, node = pending.pop()
        if node.handler is not None:
            found[key] = node.handler
        pending += [(f"{key} {word}".lstrip(), child) for word, child in node.children.items()]
    return dict(sorted(found.items()))


def _current() -> _Index:
    index = _index
    if index is None or index.plugins != _plugin_set():
        index = _rebuild()
    return index


def _rebuild() -> _Index:
    global _index
    # Plugins are imported outside the lock: an import takes Python's own locks, and two threads
    # that hold one each would wait for ever.
    offers = _offers()
    plugins = _plugin_set()
    with _lock:
        root: dict[str, _Node] = {}
        for key, of_key in offers.items():
            best = max(offer.rank for offer in of_key)
            chosen = [offer for offer in of_key if offer.rank == best]
            node = _node(root, key)
            if len(chosen) == 1 or best == 2:
                node.handler = chosen[-1].handler
            else:
                node.conflict = _conflict(key, chosen)
        for key, handler in _handlers.items():
            node = _node(root, key)
            node.handler, node.conflict = handler, ""
        _index = _Index(root, plugins)
        return _index


def _node(root: dict[str, _Node], key: str) -> _Node:
    first, *rest = key.split(" ")
    node = root.setdefault(first, _Node())
    for word in rest:
        node = node.children.setdefault(word, _Node())
    return node


# -- statements ------------------------------------------------------------------------------

_WORD = re.compile(r"\s*([A-Za-z0-9_@]+)(?=[\s;]|\Z)")

_MISSPELT = 0.8
"""Similarity (difflib) from which a word counts as a misspelt keyword.  High, and asked only after
two keywords that no engine statement should share: ``SHOW CLUSTER STATUS`` is the server's."""


def find(sql: str) -> Handler | None:
    """Return the command that a statement is, or ``None`` when it is for the server.

    The command with the most keywords wins.  The option ``fusion.enabled`` is not looked at.

    Raises:
        FusionSyntaxError: the statement starts like a command, and then a keyword is misspelt.
        PluginConflictError: several plugins provide the command.
    """
    match = _WORD.match(sql)
    if match is None:
        return None
    node = _current().root.get(match[1].upper())
    if node is None:
        return None
    found: _Node | None = None
    depth = 1
    while True:
        if node.handler is not None or node.conflict:
            found = node
        end = match.end()
        match = _WORD.match(sql, end)
        child = node.children.get(match[1].upper()) if match is not None else None
        if match is None or child is None:
            break
        node = child
        depth += 1
    if found is None:
        if match is not None and depth > 1:
            _refuse_misspelt(sql, match, node)
        return None
    if found.conflict:
        from singlestoredb.kernel.errors import PluginConflictError

        raise PluginConflictError(found.conflict)
    return found.handler


def _refuse_misspelt(sql: str, match: re.Match[str], node: _Node) -> None:
    near = difflib.get_close_matches(match[1].upper()[:64], node.children, 1, _MISSPELT)
    if not near:
        return
    from .errors import syntax_error

    raise syntax_error(
        sql,
        match.start(1),
        syntax="\n".join(handler.syntax for handler in _below(node.children[near[0]])),
        keywords=node.children,
    )


def _below(node: _Node) -> list[Handler]:
    found = [] if node.handler is None else [node.handler]
    for child in node.children.values():
        found += _below(child)
    return found


def get_handler(sql: str | bytes | bytearray) -> Handler | None:
    """Return the command that a statement is; ``None`` also while Fusion SQL is switched off.

    Raises as :func:`find` does.
    """
    return find(_text(sql)) if _enabled.get() else None


def execute(
    connection: Any, sql: str | bytes | bytearray, handler: Handler | None = None
) -> FusionSQLResult:
    """Run a Fusion SQL statement.

    Args:
        connection: passed to the handler, which need not use it.
        sql: one statement, its parameters written in.
        handler: the command, when :func:`find` has been asked already.

    Raises ``RuntimeError`` while Fusion SQL is switched off or when the statement is no command;
    else as :meth:`SQLHandler.execute`.
    """
    if not _enabled.get():
        raise RuntimeError(
            "management API queries have not been enabled "
            "(set the option fusion.enabled or SINGLESTOREDB_FUSION_ENABLED=1)"
        )
    text = _text(sql)
    if handler is None:
        handler = find(text)
        if handler is None:
            raise RuntimeError(f"could not find handler for query: {masked(text)[0]}")
    return handler(connection).execute(text)


def _text(sql: str | bytes | bytearray) -> str:
    return sql if isinstance(sql, str) else sql.decode("utf-8")
