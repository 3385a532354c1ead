"""Local servers for development and tests, one module each.

They are plugins of the family ``servers``; ``s2 serve NAME`` runs the same ones.
"""

from __future__ import annotations
