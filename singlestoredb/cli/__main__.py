"""``python -m singlestoredb.cli``: the command ``s2`` where scripts are not on PATH."""

from singlestoredb.cli import main

main(prog_name="s2")
