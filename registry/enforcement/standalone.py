"""`verify.py`, the one file that goes with evidence: the modules of `registry.enforcement.verifier`, joined.

A clerk runs it with nothing but Python, and can read it from its beginning to its end. Whoever adds a part of their own to a
bundle adds its module to the list.
"""

from __future__ import annotations

import ast
from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MODULES: Final = ("documents", "keccak", "secp256k1", "trees", "files", "presence", "bundle", "chain_query", "__main__")
"""In the order of their imports, the program last."""
HEAD: Final = '''#!/usr/bin/env python3
"""Checks evidence of a Touchstone registry, with nothing but Python 3.9 or newer and its standard library.

    python verify.py FILE ...

Joined from registry/enforcement/verifier; every part begins with the name of its module.
"""

from __future__ import annotations
'''


def program(modules: Sequence[str] = MODULES) -> str:
    """Return the text of `verify.py`."""
    parts = [HEAD]
    for name in modules:
        source = files("registry.enforcement.verifier").joinpath(f"{name}.py").read_text("utf-8")
        rule = "-" * (100 - len(name))
        parts.append(f"\n# {rule} {name}\n\n{_without_own_imports(source)}")
    return "".join(parts)


def _without_own_imports(source: str) -> str:
    """Return a module's text without what it imports from the others, which then stand before it in the same file."""
    lines = source.splitlines(keepends=True)
    for node in ast.parse(source).body:
        own = isinstance(node, ast.ImportFrom) and (node.level > 0 or node.module == "__future__")
        if own:
            for place in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[place] = ""
    return "".join(lines).strip() + "\n"
