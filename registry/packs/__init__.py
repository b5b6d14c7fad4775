"""The officer's pack: a signed and dated snapshot of the registry, for checks where there is no network (docs/packs.md).

- `pack_file`: its bytes: written and signed, read and seen to be whole and by the signer that the officer trusts.
- `making`: makes one of what a store holds and what the chain says of it.
- `checking`: the verifier over a pack: its verdict is the one that was true when the pack was made, or `cannot_check`.
"""
