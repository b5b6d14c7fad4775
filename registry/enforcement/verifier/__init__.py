"""Checks proof files and absence files with nothing but Python's standard library, for whoever has nothing else.

It is a second implementation of docs/protocol.md, written apart from the first: it shares no code with it, and is held to the
same vectors. `registry.enforcement.standalone` joins its modules into the one file, `verify.py`, that goes with evidence.
"""
