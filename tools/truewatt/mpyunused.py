"""Leave out functions that no board calls: some modules have one or two for the host alone.

A function at the top of a module whose name stands nowhere else in the tree, not even in a text,
is called by nobody there. Modules outside of packages are for people at the console.
"""

import ast
import re
from typing import TypeGuard

from truewatt.mpykept import bare, is_for_people


def without_unused(sources: dict[str, str], verbatim: dict[str, str]) -> dict[str, str]:
    """The same modules; `verbatim` are those that stay as they are, and name some functions."""
    left = dict(sources)
    named = {module: _named(text) for module, text in (sources | verbatim).items()}
    changed = True
    while changed:
        changed = False
        everywhere = set().union(*named.values())
        for module in left:
            shorter = None if is_for_people(module) else _with_those(left[module], everywhere)
            if shorter is not None:
                left[module], named[module], changed = shorter, _named(shorter), True
    return left


def _with_those(text: str, named: set[str]) -> str | None:
    """A module with the functions that are named somewhere; None if these are all."""
    tree = ast.parse(text)
    kept = [node for node in tree.body if not _is_function(node) or node.name in named]
    if len(kept) == len(tree.body):
        return None
    tree.body = kept
    return ast.unparse(tree) + "\n"


def _is_function(node: ast.stmt) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def _named(text: str) -> set[str]:
    """Every name that stands somewhere, and every word of a text that is no docstring."""
    found: set[str] = set()
    for node in ast.walk(bare(ast.parse(text))):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.alias):
            found.add(node.name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.update(re.findall(r"\w+", node.value))
    return found
