"""Command lines of both servers, as far as the built-in ones follow them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from kt.exceptions import ImproperlyConfigured

# Options that tune or log what the built-in servers do not have: taken and without effect.
_INERT_FLAGS = frozenset(
    ["-li", "-ls", "-le", "-lz", "-ld", "-kl", "-oat", "-oas", "-onl", "-otl", "-onr"]
)
_INERT_VALUES = frozenset(["-th", "-thnum", "-tout", "-log", "-pid", "-asi", "-ash"])


@dataclass
class Options:
    """What a command line says."""

    host: str = "127.0.0.1"
    port: int = 1978
    script: str | None = None
    databases: list[str] = field(default_factory=list)
    watch_stdin: bool = False
    """End when standard input does: an embedding process holds the other end of the pipe."""


def parse_options(server: str, arguments: Sequence[str]) -> Options:
    """Parse the arguments of ``ktserver`` or ``ttserver``.

    Raises:
        ImproperlyConfigured: an option that the built-in server does not know, or lacks its value.
    """
    options = Options()
    script_flag = "-scr" if server == "ktserver" else "-ext"
    rest = iter(arguments)
    for argument in rest:
        if argument in _INERT_FLAGS:
            continue
        if argument == "-embedded":
            options.watch_stdin = True
        elif argument in _INERT_VALUES:
            _value_of(argument, rest)
        elif argument == "-host":
            options.host = _value_of(argument, rest)
        elif argument == "-port":
            options.port = _port(_value_of(argument, rest))
        elif argument == script_flag:
            options.script = _value_of(argument, rest)
        elif argument.startswith("-") and len(argument) > 1:
            raise ImproperlyConfigured(
                f"the built-in {server} has no option {argument}: it knows -host, -port, "
                f"{script_flag} and tuning options; anything else needs the real {server}"
            )
        else:
            options.databases.append(argument)
    if server == "ttserver" and len(options.databases) > 1:
        raise ImproperlyConfigured("a ttserver serves one database")
    return options


def _value_of(option: str, rest: Iterator[str]) -> str:
    value = next(rest, None)
    if value is None:
        raise ImproperlyConfigured(f"the option {option} needs a value")
    return value


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise ImproperlyConfigured(f"{text!r} is no port number")
    return int(text)
