"""A seeded simulator of checks, honest and of copies, that measures the rules of `registry.checking.history`."""
