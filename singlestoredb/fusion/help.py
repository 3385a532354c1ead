"""What a command looks like to people: its syntax in SQL and its help in Markdown."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Mapping

from .compiler import BUILTIN_RULES
from .dsl import Source

_SHOWN_BUILTINS = {
    **BUILTIN_RULES,
    "order-by": "ORDER BY '<key>' [ ASC | DESC ],...",
    "comma": ",",
}

_PIECE = re.compile(
    r"(?P<literal>'[^']*')|(?P<builtin><[a-z][a-z0-9-]*>)|(?P<word>@*[A-Za-z0-9_]+)"
)
_INDENT = "    "


def render_syntax(source: Source) -> str:
    """Return the command with every rule written out, its line breaks kept, ending in ``;``.

    A rule that contains itself is shown by its name the second time.
    """
    text = _expand(source.command, source.rules, ())
    lines = [_tidy(line) for line in text.split("\n")]
    return "\n".join(line for line in lines if line) + ";"


def _expand(text: str, rules: Mapping[str, str], inside: tuple[str, ...]) -> str:
    def replacement(match: re.Match[str]) -> str:
        piece = match[0]
        if match["builtin"]:
            return _SHOWN_BUILTINS.get(piece[1:-1], piece)
        if match["word"] and piece in rules and piece not in inside:
            return _expand(_continued(rules[piece]), rules, (*inside, piece))
        return piece

    return _PIECE.sub(replacement, text)


def _continued(body: str) -> str:
    """Turn the ``&`` marks of a rule into indented lines."""

    def indent(match: re.Match[str]) -> str:
        return "\n" + _INDENT * len(match[1])

    return re.sub(r"\n(&+)\s*", indent, body)


def _tidy(line: str) -> str:
    """Make runs of spaces one, quoted text and the line's indentation excepted."""
    body = line.lstrip(" ")
    indent = line[: len(line) - len(body)]
    body = re.sub(r"('[^']*')|[ \t]+", lambda m: m[1] or " ", body)
    body = re.sub(r"\s*,\s*\.\.\.", ",...", body).rstrip()
    return indent + body if body else ""


# -- help ------------------------------------------------------------------------------------

_TITLE = re.compile(r"(?:\s*[A-Z0-9_@]+(?![A-Za-z0-9_@]))+")
_SECTION = re.compile(r"^[ \t]*([A-Z][^\n]*?)[ \t]*\n[ \t]*-{4,}[ \t]*$", re.MULTILINE)


def render_help(docstring: str, syntax: str) -> str:
    """Return a command's help in Markdown, made of the sections of its docstring."""
    sections = _sections(docstring)
    title = _TITLE.match(syntax)
    assert title is not None
    parts = [
        f"# {' '.join(title[0].split())}",
        sections.get("description", ""),
        f"## Syntax\n\n```sql\n{syntax}\n```",
    ]
    for heading, convert in _CONVERSIONS:
        if heading in sections:
            parts.append(f"## {heading.title()}\n\n{convert(sections[heading])}")
    example = "examples" if "examples" in sections else "example"
    if example in sections:
        parts.append(f"## {example.title()}\n\n{_headings(sections[example])}")
    if "see also" in sections:
        parts.append(f"## See Also\n\n{sections['see also']}")
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


def _sections(docstring: str) -> dict[str, str]:
    text = inspect.cleandoc(docstring)
    titles = list(_SECTION.finditer(text))
    ends = [*(match.start() for match in titles[1:]), len(text)][: len(titles)]
    return {
        match[1].lower(): _inline(text[match.end() : end]).strip("\n").rstrip()
        for match, end in zip(titles, ends, strict=True)
    }


def _inline(text: str) -> str:
    """Turn the bits of reStructuredText that docstrings use into Markdown."""
    lines: list[str] = []
    block: list[str] | None = None
    for line in textwrap.dedent(text).split("\n"):
        if block is not None:
            if not line.strip() or line.startswith((" ", "\t")):
                block.append(line)
                continue
            lines += _fenced(block)
            block = None
        if line.rstrip().endswith("::"):
            said = line.rstrip()[:-2]
            if said.strip():  # "::" by itself only begins the block
                lines.append(_links(said + "."))
            block = []
        else:
            lines.append(_links(line))
    if block is not None:
        lines += _fenced(block)
    return "\n".join(lines)


def _fenced(block: list[str]) -> list[str]:
    body = "\n".join(block).strip("\n").rstrip()
    return ["", "```sql", body, "```", ""] if body else []


def _links(line: str) -> str:
    line = line.replace("``", "`")
    return re.sub(r"`([^`<]+?)\s*<([^`>]+)>`__?", r"[\1](\2)", line)


def _arguments(text: str) -> str:
    lines = []
    for line in text.split("\n"):
        line = line.lstrip()
        if line.startswith("<"):
            line = "### " + line.replace("<", "&lt;").replace(">", "&gt;")
        lines.append(line)
    return "\n".join(lines)


def _headings(text: str) -> str:
    return re.sub(r"^[ \t]*(Example \d)", r"### \1", text, flags=re.MULTILINE)


def _unchanged(text: str) -> str:
    return text


_CONVERSIONS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("arguments", _arguments),
    ("argument", _arguments),
    ("remarks", _unchanged),
)
