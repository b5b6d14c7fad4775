"""The site: one page for a person with a phone, one for an inspector with a list, one JSON answer for machines.

It reads and never signs: it can import nothing that holds a key or writes to the chain (import-linter checks it).
"""
