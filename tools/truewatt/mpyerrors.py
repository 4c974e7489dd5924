"""One class in place of errors that a board tells apart nowhere.

Each class costs a board some 110 bytes and its name. Refusals of the wire format are ten classes,
for logs and tests on the host; a gate on a board answers all of them with one number. Where nothing
in the whole tree names such a class but to raise it, its base is raised.
"""

import ast
from collections.abc import Iterator

from truewatt import mpyterse


def merge(sources: dict[str, str]) -> dict[str, str]:
    """The same modules without the wire format's classes of errors that nobody catches by name."""
    trees = {module: ast.parse(text) for module, text in sources.items()}
    asked = {name for tree in trees.values() for name in _asked(tree)}
    bases: dict[str, str] = {}
    for module, tree in trees.items():
        if mpyterse.applies(module):
            bases |= {name: base for name, base in _plain_classes(tree) if name not in asked}
    return {module: _with_bases(text, bases) for module, text in sources.items()}


def _with_bases(text: str, bases: dict[str, str]) -> str:
    if not any(name in text for name in bases):
        return text
    tree = ast.parse(text)
    tree.body = [
        node for node in tree.body if not (isinstance(node, ast.ClassDef) and node.name in bases)
    ]
    return ast.unparse(ast.fix_missing_locations(_Renamer(bases).visit(tree))) + "\n"


def _asked(tree: ast.AST) -> Iterator[str]:
    """Names that stand anywhere but as what is raised or as the base of a class."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.ClassDef):
            yield from (name for part in node.body for name in _asked(part))
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield from (name for part in node.exc.args for name in _asked(ast.Expr(part)))
        else:
            yield from _asked(node)


def _plain_classes(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(name, base) of each class that adds nothing to its base but a name and a docstring."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and len(node.bases) == len(node.body) == 1:
            (base,), (only,) = node.bases, node.body
            text = isinstance(only, ast.Expr) and isinstance(only.value, ast.Constant)
            if (text or isinstance(only, ast.Pass)) and isinstance(base, ast.Name):
                yield node.name, base.id


class _Renamer(ast.NodeTransformer):
    def __init__(self, bases: dict[str, str]) -> None:
        self._bases = bases

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self._kept(node.id), node.ctx)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        names: list[ast.alias] = []
        for alias in node.names:
            kept = ast.alias(self._kept(alias.name), alias.asname)
            if all((kept.name, kept.asname) != (one.name, one.asname) for one in names):
                names.append(kept)
        node.names = names
        return node

    def _kept(self, name: str) -> str:
        while name in self._bases:
            name = self._bases[name]
        return name
