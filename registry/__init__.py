"""Touchstone: a registry of sealed batches, and what a code on a product proves.

Read the rooms in the order of a unit's life: `units` (what a unit is), `proofs` (what can be proved of it), `issuing` (a batch
comes to life), `checking` (a code is checked). `chain`, `storage`, `keys`, `barcodes` and `photos` are adapters around them.
Imports point inwards only.
"""
