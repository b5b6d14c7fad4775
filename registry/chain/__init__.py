"""Adapter to the chain: what is read from the contract and what is written to it."""
