"""Have the names that a module uses most come first in its table.

Bytecode names things by their place in the module's table of names, which grows in the order of the
compiler's work: a place beyond 127 takes two bytes each time. A first statement that is never true
names the frequent ones; it leaves the heap with the rest of the module's top level.
"""

import ast
import builtins
from collections import Counter
from collections.abc import Iterator

from truewatt.mpykept import identifiers
from truewatt.mpyscope import bound_in

_ONE_BYTE = 127
# Taken by the module's own first names, and by `__name__` and `__file__`.
_SPARE = 4
_BIG_TABLE, _OFTEN = 80, 4
_OWN = 2
_TABLE_SIZES = (97, 127, 167, 223, 293)
"""Of dicts of that size (py/map.c), which have no free place when as many names are in them."""


def frequent_first(source: str) -> str:
    """The same module; with more names than one byte tells apart, its frequent ones lead."""
    tree = ast.parse(source)
    counts = Counter(_named(tree))
    if len(counts) <= _ONE_BYTE:
        return source
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    return f"0 == __name__ and __name__.{'.'.join(ranked[: _ONE_BYTE - _SPARE])}\n{source}"


def _named(tree: ast.Module) -> list[str]:
    """Every mention that takes a place: local variables have none."""
    local: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            local |= {
                part.id
                for part in ast.walk(node)
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
            }
    found = []
    for node in ast.walk(tree):
        for field in ("attr", "name", "arg", "asname"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                found.append(value)
        if isinstance(node, ast.Name) and node.id not in local:
            found.append(node.id)
    known = set(identifiers(tree))
    return [name for name in found if name in known]


def with_built_ins(source: str) -> str:
    """The same module; a big one has the built-ins that it calls among its own globals.

    A global is looked up in the module before the built-ins, and a table without a free place is
    searched to its end (py/map.c): in a table of 150 names each `len` would cost 150 steps. So no
    table stays just full either.
    """
    tree = ast.parse(source)
    if len(bound_in(tree)) < _BIG_TABLE:
        return source
    counts = Counter(_called(tree))
    bound = bound_in(tree)
    known = set(dir(builtins)) - bound
    ranked = sorted(known & counts.keys(), key=lambda name: (-counts[name], name))
    names = [name for name in ranked if counts[name] >= _OFTEN]
    if len(bound) + _OWN + len(names) in _TABLE_SIZES:
        names = ranked  # and the table gets its next size
    return "".join(f"{name} = {name}\n" for name in names) + source


def _called(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
