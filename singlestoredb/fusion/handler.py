"""The base class of Fusion SQL commands."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from singlestoredb.warnings import DeprecatedFeatureWarning, PreviewFeatureWarning

from .dsl import Source, split
from .result import FusionSQLResult

if TYPE_CHECKING:
    from .grammar import CommandGrammar, Parsed

_lock = threading.RLock()
_TRUE = frozenset({"1", "t", "true", "y", "yes"})


class _Compiled:
    """A class attribute that compiles the class when it is first read."""

    def __init__(self, default: Any) -> None:
        self._default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type[SQLHandler]) -> Any:
        if not owner._has_grammar():
            return self._default
        owner.compile()
        return owner.__dict__[self._name]


class SQLHandler:
    """A command in SQL that Python answers.  Subclass it, describe the command, override ``run``.

    The docstring is the command's grammar and its help::

        class ShowThings(SQLHandler):
            \"\"\"
            SHOW ACME THINGS [ in_room ] [ <like> ];

            in_room = IN ROOM '<room>'

            Description
            -----------
            List the things of a room.
            \"\"\"

            def run(self, params):
                out = FusionSQLResult()
                out.add_field("Name", STRING)
                out.set_rows([(t.name,) for t in things(params["in_room"])])
                return out.like(Name=params["like"])

    A command whose grammar the docstring's language cannot say has a ``lark_grammar``; see there.
    """

    validators: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    """Parameter → function that returns the value to use or raises.  Called for every parameter at
    the top level, absent ones with their default included."""

    lark_grammar: ClassVar[str] = ""
    """A grammar for lark, instead of the docstring's rules.

    Its start rule is ``start`` and matches the whole statement, a final ``;`` included.  The
    docstring still begins with the command, up to a ``;``: it gives the keywords that the statement
    is recognised by, and the syntax that people see.  ``run`` gets ``{"tree": tree}``, or what an
    overridden :meth:`visit` makes of the tree.
    """

    _grammar: ClassVar[str] = ""
    """The docstring, or the text that was given to :meth:`compile`."""
    _enabled: ClassVar[bool] = True
    """Hidden commands have ``False``: they register only if SINGLESTOREDB_FUSION_ENABLE_HIDDEN is
    true."""
    _preview: ClassVar[bool] = False
    """Whether the command warns that it may still change."""
    _deprecated_by: ClassVar[str] = ""
    """The command to use instead; when given, the command warns."""
    _is_compiled: ClassVar[bool] = False

    # Read before compile(), these compile.
    grammar = cast("CommandGrammar", _Compiled(None))
    """The compiled grammar; ``grammar.parse(sql)`` gives what :meth:`visit` takes."""
    command_key = cast("tuple[str, ...]", _Compiled(()))
    """The keywords that the statement is recognised by."""
    rule_info = cast("dict[str, dict[str, Any]]", _Compiled({}))
    """Per rule: ``n_keywords`` it starts with, whether it ``repeats``, its ``default``."""
    syntax = cast("str", _Compiled(""))
    """The command with its rules written out."""
    help = cast("str", _Compiled(""))
    """The help, in Markdown."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    # -- the class and its grammar --

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # A command may inherit from another that is compiled already: its grammar is not ours.
        for name in _COMPILED:
            setattr(cls, name, SQLHandler.__dict__[name])
        cls._is_compiled = False

    @classmethod
    def _source_text(cls) -> str:
        return cls.__dict__.get("_grammar") or cls.__dict__.get("__doc__") or ""

    @classmethod
    def _has_grammar(cls) -> bool:
        """Whether the class is a command, rather than a base of commands."""
        if cls.__dict__.get("_grammar"):
            return True
        try:
            cls._source()
        except ValueError:
            return False
        return cls is not SQLHandler

    @classmethod
    def _source(cls) -> Source:
        try:
            return split(cls._source_text())
        except ValueError as exc:
            raise ValueError(f"{exc} (in the grammar of {cls._name()})") from None

    @classmethod
    def _name(cls) -> str:
        return f"{cls.__module__}.{cls.__qualname__}"

    @classmethod
    def is_available(cls) -> bool:
        """Whether the command may be registered: it is not hidden, or hidden ones are wanted."""
        if cls._enabled:
            return True
        wanted = os.environ.get("SINGLESTOREDB_FUSION_ENABLE_HIDDEN", "0")
        return wanted.strip().lower() in _TRUE

    @classmethod
    def compile(cls, grammar: str = "") -> None:
        """Understand the docstring, or ``grammar``, and fill the attributes; once per class.

        lark's own tables are made when the first statement is parsed.  Raises ``ValueError`` for
        a grammar that is wrong, and ``ImportError`` when lark is not installed.
        """
        if cls.__dict__.get("_is_compiled"):
            return
        from .compiler import understand
        from .grammar import CommandGrammar
        from .help import render_help, render_syntax

        with _lock:
            if cls.__dict__.get("_is_compiled"):
                return
            if grammar:
                cls._grammar = grammar
            source = cls._source()
            text = cls._source_text()
            understood = None
            if not cls.lark_grammar:
                try:
                    understood = understand(source)
                except ValueError as exc:
                    raise ValueError(f"{exc} (in the grammar of {cls._name()})") from exc
            syntax = render_syntax(source)
            cls._grammar = text
            cls.command_key = source.key
            cls.syntax = syntax
            cls.help = render_help(text, syntax)
            cls.rule_info = {
                rule.name: {
                    "n_keywords": rule.n_keywords,
                    "repeats": rule.repeats,
                    "default": rule.default,
                }
                for rule in (understood.rules.values() if understood else ())
            }
            cls.grammar = CommandGrammar(understood, syntax, cls.lark_grammar)
            cls._is_compiled = True

    @classmethod
    def register(cls, overwrite: bool = False) -> None:
        """Make the command known to this process.

        A hidden command registers only when hidden ones are wanted.  Raises ``ValueError`` when
        the docstring has no command or the command exists and ``overwrite`` is false.  Plugins
        return their classes from the hook ``s2_fusion_handlers`` instead.
        """
        from .registry import register_handler

        register_handler(cls, overwrite=overwrite)

    # -- a statement --

    def create_result(self) -> FusionSQLResult:
        """Return a new, empty result."""
        return FusionSQLResult()

    def execute(self, sql: str) -> FusionSQLResult:
        """Run a statement of this command.

        Raises :class:`~singlestoredb.fusion.errors.FusionSyntaxError` when it does not fit the
        grammar; what validators and :meth:`run` raise passes unchanged.
        """
        cls = type(self)
        cls.compile()
        key = " ".join(cls.command_key)
        if cls._preview:
            warnings.warn(
                f"{key} is a preview Fusion SQL command: its options and syntax may change.",
                PreviewFeatureWarning,
                stacklevel=2,
            )
        if cls._deprecated_by:
            warnings.warn(
                f"{key} is deprecated: new deployments should be clusters. "
                f"Use {cls._deprecated_by} instead.",
                DeprecatedFeatureWarning,
                stacklevel=2,
            )
        parsed = cls.grammar.parse(sql, escapes_backslash=_escapes_backslash(self.connection))
        params = self.visit(parsed)
        for name, value in params.items():
            params[name] = self.validate_rule(name, value)
        result = self.run(params)
        if result is None:
            result = self.create_result()
        elif not isinstance(result, FusionSQLResult):
            raise TypeError(
                f"{cls._name()}.run must return a FusionSQLResult or None, "
                f"not {type(result).__name__}"
            )
        result.format_results(self.connection)
        return result

    def visit(self, parsed: Parsed) -> dict[str, Any]:
        """Turn a parsed statement into the parameters of :meth:`run`."""
        return type(self).grammar.params(parsed)

    def validate_rule(self, rule: str, value: Any) -> Any:
        """Return a parameter's value after its validator."""
        validator = self.validators.get(rule)
        return value if validator is None else validator(value)

    def run(self, params: dict[str, Any]) -> FusionSQLResult | None:
        """Do the work and return the answer; ``None`` is an answer without columns."""
        raise NotImplementedError(f"{self._name()} does not define run()")


_COMPILED = ("grammar", "command_key", "rule_info", "syntax", "help")


def _escapes_backslash(connection: Any) -> bool:
    """Whether the connection writes string literals with backslash escapes (sql_mode)."""
    escape = getattr(connection, "escape", None)
    return escape is None or len(escape("\\")) > len("'\\'")
