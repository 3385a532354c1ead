"""Sphinx configuration; ``make docs`` builds, warnings are errors."""

from __future__ import annotations

from singlestoredb import __version__

project = "singlestoredb"
author = "the singlestoredb project"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"singlestoredb {version}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_default_options = {"members": True}
napoleon_google_docstring = True
# The docstrings speak of other modules' names in passing; only unresolved explicit roles matter.
suppress_warnings = ["ref.python"]


def _write_options() -> None:
    """Write the table of options that ``reference/options.md`` includes."""
    from pathlib import Path

    import singlestoredb.config  # noqa: F401 - registers the options
    from singlestoredb.utils.config import all_options

    lines = ["| option | type | default | environment | meaning |", "|---|---|---|---|---|"]
    for option in all_options():
        environ = ", ".join(f"`{name}`" for name in option.environ if "_" in name)
        default = "" if option.default is None else f"`{option.default}`"
        doc = option.doc.replace("|", "\\|")
        lines.append(f"| `{option.name}` | {option.type} | {default} | {environ} | {doc} |")
    target = Path(__file__).parent / "_build" / "options.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")


_write_options()
