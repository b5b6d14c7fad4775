"""The commands of the `touchstone` program: one file each. They parse, build adapters and call one use case."""
