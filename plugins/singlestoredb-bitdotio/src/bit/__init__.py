"""The command line tool ``bit``; see :mod:`bit.bit`."""
