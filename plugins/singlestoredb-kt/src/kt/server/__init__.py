"""The built-in servers: Kyoto Tycoon's and Tokyo Tyrant's protocols for development and tests.

Run as ``python -m kt.server ktserver|ttserver [options] [database ...]``; normally an embedded
server does that.  They listen on loopback only.
"""
