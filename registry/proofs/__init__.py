"""What can be proved: encodings, signatures, trees, and the documents that hashes commit."""
