"""POSIX extended regular expressions, as both servers use them, by way of Python's `re`.

They differ where it hurts: ``\\d`` is a plain ``d``, ``(?`` is an error, a second quantifier
repeats the first instead of making it lazy or possessive, and brackets know classes but no escapes.
The expressions work on bytes.
"""

from __future__ import annotations

import re

_CLASSES = {
    b"alpha": b"a-zA-Z",
    b"digit": b"0-9",
    b"alnum": b"a-zA-Z0-9",
    b"upper": b"A-Z",
    b"lower": b"a-z",
    b"space": rb" \t\n\r\f\v",
    b"blank": rb" \t",
    b"punct": rb"!-/:-@\[-`{-~",
    b"print": b" -~",
    b"graph": b"!-~",
    b"cntrl": rb"\x00-\x1f\x7f",
    b"xdigit": b"0-9A-Fa-f",
}
# What the C library of the servers adds to POSIX.
_GNU_ESCAPES = {
    b"w": rb"\w",
    b"W": rb"\W",
    b"s": rb"\s",
    b"S": rb"\S",
    b"b": rb"\b",
    b"B": rb"\B",
    b"<": rb"\b(?=\w)",
    b">": rb"\b(?<=\w)",
    b"`": rb"\A",
    b"'": rb"\Z",
}
_TOKEN = re.compile(
    rb"\\(?P<escape>.)|(?P<bracket>\[\^?\]?(?:\[[:.=].*?[:.=]\]|[^]])*\])"
    rb"|(?P<interval>\{(?:[0-9]+(?:,[0-9]*)?|,[0-9]+)\})|(?P<plain>[^\\])",
    re.DOTALL,
)
_INSIDE = re.compile(
    rb"\[:(?P<name>[a-z]+):\]|\[(?P<mark>[.=])(?P<text>.*?)(?P=mark)\]|.", re.DOTALL
)


def compile_posix(pattern: bytes, ignore_case: bool = False) -> re.Pattern[bytes]:
    """Compile an expression.

    Raises:
        ValueError: it is malformed.
    """
    try:
        return re.compile(_translate(pattern), re.IGNORECASE if ignore_case else 0)
    except (re.error, OverflowError, RecursionError) as exc:
        raise ValueError(f"malformed regular expression: {exc}") from exc


def _translate(pattern: bytes) -> bytes:
    out: list[bytes] = []
    groups: list[int] = []
    atom: int | None = None  # index in ``out`` where the thing that a quantifier repeats begins
    position = 0
    while position < len(pattern):
        token = _TOKEN.match(pattern, position)
        if token is None:
            raise ValueError("trailing backslash")
        position = token.end()
        text = token.group()
        plain = token.group("plain")
        if token.group("interval") or (plain is not None and plain in b"*+?"):
            if atom is None:
                raise ValueError(f"nothing to repeat before {text.decode('latin-1')!r}")
            out[atom:] = [b"(?:%b)%b" % (b"".join(out[atom:]), text)]
        elif plain == b"(":
            groups.append(len(out))
            out.append(b"(")
            atom = None
        elif plain == b")" and groups:
            atom = groups.pop()
            out.append(b")")
        elif plain == b"|":
            out.append(b"|")
            atom = None
        elif plain == b"[":
            raise ValueError("unmatched [")
        else:
            atom = len(out)
            out.append(_atom(token))
    if groups:
        raise ValueError("unmatched (")
    return b"".join(out)


def _atom(token: re.Match[bytes]) -> bytes:
    escape = token.group("escape")
    if escape is not None:
        if escape.isdigit() and escape != b"0":
            return b"\\" + escape
        return _GNU_ESCAPES.get(escape, re.escape(escape))
    bracket = token.group("bracket")
    if bracket is not None:
        return _bracket(bracket)
    plain: bytes = token.group("plain")
    if plain == b".":
        return b"(?s:.)"
    if plain == b"$":
        return rb"\Z"
    return plain if plain == b"^" else re.escape(plain)


def _bracket(bracket: bytes) -> bytes:
    inner = bracket[1:-1]
    negated = inner.startswith(b"^")
    out = [b"[^" if negated else b"["]
    for part in _INSIDE.finditer(inner, 1 if negated else 0):
        text = part.group()
        if part.group("name"):
            try:
                out.append(_CLASSES[part.group("name")])
            except KeyError:
                raise ValueError(f"unknown class {text.decode('latin-1')!r}") from None
        elif part.group("text") is not None:
            out.append(re.escape(part.group("text")))
        else:
            out.append(b"\\" + text if text in b"\\[]^&~|" else text)
    return b"".join([*out, b"]"])
