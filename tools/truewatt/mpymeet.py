"""Which names of a tree of modules can meet, so that they must not get the same short one.

A name is seen in rooms, and two names that share no room can be the same. Variables are seen in
their module: globals, arguments, imported things. Attributes are seen in a family of classes, those
that inherit from each other: on an object there are only the names of its family. Nothing asks
whether an object lacks an attribute but by a text, and a name that is a text stays as it is.
"""

import ast
from collections import defaultdict
from collections.abc import Sequence

Rooms = set[tuple[str, str]]

_OWN = ("self", "cls")
_EVERYWHERE = ("attribute", "*")


def rooms_of(trees: dict[str, ast.Module]) -> dict[str, Rooms]:
    """Name -> the rooms in which it is seen; `trees` with their annotations."""
    families = _families(trees)
    rooms: dict[str, Rooms] = defaultdict(set)
    strangers: set[str] = set()
    for module, tree in trees.items():
        walker = _Walker(module, families, rooms, strangers)
        walker.visit(tree)
    everywhere = {("attribute", family) for family in families.values()} | {_EVERYWHERE}
    for name in strangers:
        rooms[name] |= everywhere
    return rooms


def _families(trees: dict[str, ast.Module]) -> dict[str, str]:
    """Class -> its family's name. Classes of one name are one family, wherever they are."""
    leader: dict[str, str] = {}

    def root(name: str) -> str:
        leader.setdefault(name, name)
        while leader[name] != name:
            name = leader[name]
        return name

    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                root(node.name)
                for base in node.bases:
                    # A base from outside joins those who share it, which does no harm.
                    leader[root(_last_name(base))] = root(node.name)
    return {name: root(name) for name in leader}


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


class _Walker(ast.NodeVisitor):
    """Notes where each name of one module is seen."""

    def __init__(
        self,
        module: str,
        families: dict[str, str],
        rooms: dict[str, Rooms],
        strangers: set[str],
    ) -> None:
        self._variables = ("variable", module)
        self._families, self._rooms, self._strangers = families, rooms, strangers
        self._family: str | None = None  # of the class whose code this is
        self._in_class_body = False
        self._classes: dict[str, str] = {}  # local variable -> class of what it holds

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._defined(node.name)
        self._visit_all([*node.decorator_list, *node.bases])
        outer = self._family, self._in_class_body
        self._family, self._in_class_body = self._families[node.name], True
        self._visit_all(node.body)
        self._family, self._in_class_body = outer

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._defined(node.name)
        # Decorators and defaults are evaluated where the function is made.
        self._visit_all([*node.decorator_list, *node.args.defaults, *node.args.kw_defaults])
        outer = self._in_class_body, self._classes
        self._in_class_body, self._classes = False, dict(self._classes)
        self._arguments(node.args)
        self._visit_all(node.body)
        self._in_class_body, self._classes = outer

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._arguments(node.args)
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        self._rooms[node.id].add(self._variables)
        if self._in_class_body and self._family is not None:
            self._rooms[node.id].add(("attribute", self._family))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        owner = node.value.id if isinstance(node.value, ast.Name) else None
        family = self._family if owner in _OWN else None
        if family is None and owner is not None:
            family = self._families.get(self._classes.get(owner, owner))
        if family is not None:
            self._rooms[node.attr].add(("attribute", family))
        elif not isinstance(node.ctx, ast.Load):
            self._strangers.add(node.attr)
        self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        if isinstance(target, ast.Name):
            made = node.value
            known = isinstance(made, ast.Call) and isinstance(made.func, ast.Name)
            self._classes.pop(target.id, None)
            if known:
                self._classes[target.id] = made.func.id  # type: ignore[attr-defined]
        self.generic_visit(node)

    def visit_alias(self, node: ast.alias) -> None:
        for name in (node.name, node.asname):
            if name is not None:
                self._rooms[name].add(self._variables)

    def visit_Global(self, node: ast.Global) -> None:
        for name in node.names:
            self._rooms[name].add(self._variables)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name is not None:
            self._rooms[node.name].add(self._variables)
        self.generic_visit(node)

    def _visit_all(self, nodes: Sequence[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    def _defined(self, name: str) -> None:
        if self._in_class_body and self._family is not None:
            self._rooms[name].add(("attribute", self._family))
        else:
            self._rooms[name].add(self._variables)

    def _arguments(self, args: ast.arguments) -> None:
        for arg in [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]:
            if arg is not None:
                self._rooms[arg.arg].add(self._variables)
                self._classes.pop(arg.arg, None)
                if isinstance(arg.annotation, ast.Name):
                    self._classes[arg.arg] = arg.annotation.id
