"""How a sealed batch gets from its brand's machine to another registry, without an account (docs/publishing.md).

What is received is a claim by anybody: it is replayed down to every signature and up to the seal on the chain before the store
gets it. Chain and store are handed in through the small doors of those who need them.
"""
