"""Adapter to the database and the tree files: everything in here is untrusted by the verifier."""
