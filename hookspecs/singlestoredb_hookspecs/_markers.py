"""The pluggy markers of this project; both carry the project's name, so that other pluggy users'
markers on the same object are ignored."""

from __future__ import annotations

import pluggy

PROJECT = "singlestoredb"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
