"""cert-issuer's own Merkle and proof part over N certificates, in its own environment; prints seconds as JSON.

    .venv-cert-issuer/bin/python tests/bench/peers/issuer.py 1000

Preparing is hashing each certificate into the tree and its root; finishing is a proof for each, encoded as
`MerkleProof2019`. The certificates are given as the bytes that it hashes: validating and normalising them is left out in its
favour, and so are its signature and its transaction.
"""

from __future__ import annotations

import json
import logging
import sys
import time

from cert_core import Chain  # type: ignore[import-not-found]  # only in its environment
from cert_issuer.merkle_tree_generator import MerkleTreeGenerator  # type: ignore[import-not-found]  # the same

CERTIFICATE = '<urn:uuid:{0:032x}> <https://larch.example/about> "{0:0100}" .\n' * 4


def main() -> None:
    """Issue, but for the transaction."""
    logging.disable(logging.CRITICAL)
    count = int(sys.argv[1])
    certificates = [CERTIFICATE.format(number).encode() for number in range(count)]
    began = time.process_time()
    tree = MerkleTreeGenerator()
    tree.populate(certificates)
    tree.get_blockchain_data()
    prepared = time.process_time()
    proofs = list(tree.get_proof_generator("0x" + "11" * 32, Chain.ethereum_mainnet))
    ended = time.process_time()
    if len(proofs) != count:
        raise SystemExit(f"found {len(proofs)} proofs, expected {count}")
    print(json.dumps({"prepare": prepared - began, "finish": ended - prepared}))


if __name__ == "__main__":
    main()
