"""Which names of a module are global ones, and putting other expressions in their places."""

import ast
from collections.abc import Callable, Iterator

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SCOPES = (*_FUNCTIONS, *_COMPREHENSIONS, ast.ClassDef)

Replacement = Callable[[str], ast.expr | None]


def bound_in(scope: ast.AST) -> set[str]:
    """Names that a module, class, function or comprehension binds itself."""
    found = set(_arguments(scope))
    for node in _inside(scope):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
    if isinstance(scope, ast.Module):
        for node in ast.walk(scope):
            if isinstance(node, ast.Global):
                found.update(node.names)
        return found
    declared = [node for node in _inside(scope) if isinstance(node, ast.Global | ast.Nonlocal)]
    return found - {name for node in declared for name in node.names}


def local_names(tree: ast.Module) -> set[str]:
    """Every name that is bound below the module's top."""
    scopes = [node for node in ast.walk(tree) if isinstance(node, _SCOPES)]
    return {name for scope in scopes for name in bound_in(scope)}


def _arguments(scope: ast.AST) -> Iterator[str]:
    if isinstance(scope, _FUNCTIONS):
        args = scope.args
        for arg in [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]:
            if arg is not None:
                yield arg.arg


def _inside(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope, those at which another scope begins included, but not theirs."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _SCOPES):
            waiting.extend(ast.iter_child_nodes(node))


class Globals(ast.NodeTransformer):
    """Asks `name` for each global name, and `attribute` for each `module.name`, what it is now."""

    def __init__(self, name: Replacement, attribute: Callable[[str, str], ast.expr | None]) -> None:
        self._name = name
        self._attribute = attribute
        self._scopes: list[tuple[bool, set[str]]] = []

    def visit_Name(self, node: ast.Name) -> ast.AST:
        new = self._name(node.id) if self._is_global(node.id) else None
        return node if new is None else _in_context(new, node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and self._is_global(node.value.id):
            new = self._attribute(node.value.id, node.attr)
            if new is not None:
                return _in_context(new, node.ctx)
        return self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> ast.AST:
        node.names = [self._renamed(name) for name in node.names]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._definition(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._definition(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._definition(node)

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        node.args = self.visit(node.args)
        return self._below(node, ["body"])

    def _comprehension(self, node: ast.AST) -> ast.AST:
        return self._below(node, list(node._fields))

    visit_ListComp = _comprehension  # noqa: N815 (ast.NodeVisitor's names)
    visit_SetComp = _comprehension  # noqa: N815
    visit_DictComp = _comprehension  # noqa: N815
    visit_GeneratorExp = _comprehension  # noqa: N815

    def _definition(self, node: "ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef") -> ast.AST:
        # Decorators, bases and defaults belong to where the definition stands.
        for name, value in ast.iter_fields(node):
            if name != "body" and isinstance(value, ast.AST):
                setattr(node, name, self.visit(value))
            elif name != "body" and isinstance(value, list):
                setattr(node, name, [self.visit(item) for item in value])
        if self._is_global(node.name):
            node.name = self._renamed(node.name)
        return self._below(node, ["body"])

    def _below(self, node: ast.AST, fields: list[str]) -> ast.AST:
        self._scopes.append((isinstance(node, ast.ClassDef), bound_in(node)))
        for name in fields:
            value = getattr(node, name)
            if isinstance(value, list):
                done = [self.visit(item) for item in value]
                setattr(node, name, [item for item in done if item is not None])
            elif isinstance(value, ast.AST):
                setattr(node, name, self.visit(value))
        self._scopes.pop()
        return node

    def _is_global(self, name: str) -> bool:
        """A class's names are seen in its body, not in its methods."""
        last = len(self._scopes) - 1
        return not any(
            name in names and (index == last or not is_class)
            for index, (is_class, names) in enumerate(self._scopes)
        )

    def _renamed(self, name: str) -> str:
        new = self._name(name)
        return new.id if isinstance(new, ast.Name) else name


def _in_context(new: ast.expr, context: ast.expr_context) -> ast.expr:
    if isinstance(new, ast.Name):
        return ast.Name(new.id, context)
    return new
