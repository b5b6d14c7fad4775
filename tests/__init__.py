"""Proof that what the documents claim holds."""
