"""Other address of :mod:`singlestoredb.management.projects`."""

from .projects import Project

__all__ = ["Project"]
