"""Brings what is queued to rights holders, by mail and by webhook: the one room that opens connections to addresses of others.

It runs in a process of its own (`touchstone tell`). What it sends was written elsewhere; it reads nothing of a case.
"""
