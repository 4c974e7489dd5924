"""Write numbers where firmware names them, before its modules are compiled.

MicroPython keeps every name of every loaded module in RAM, for the numbers of the wire format alone
some 9 KiB of a board's 112, and looks it up each time. `wireformat.codes` and its like hold nothing
but numbers and what they are called, so a module that only asks for numbers need not load them.
"""

import ast
import re
from pathlib import Path
from typing import Any

CONSTANT_MODULES = ("wireformat.codes", "wireformat.modbus_map")
"""Their `NAME`s are written in place: integers, tuples of them, tables from integers to words."""

_PRIVATE_CONSTANT = re.compile(r"_[A-Z][A-Z0-9_]*$")

Plain = int | tuple[int, ...] | dict[int, str]


def constants_of(sources: dict[str, str]) -> dict[str, dict[str, Plain]]:
    """Module name -> its constants, from the modules' sources."""
    found: dict[str, dict[str, Any]] = {}
    for module, source in sources.items():
        names: dict[str, object] = {}
        exec(compile(source, module, "exec"), names)
        found[module] = {name: value for name, value in names.items() if _is_plain(value)}
    return found


def constants_below(root: Path) -> dict[str, dict[str, Plain]]:
    """The constants of the modules below `root` (or root/shared) that are `CONSTANT_MODULES`."""
    sources = {}
    for module in CONSTANT_MODULES:
        for folder in (root, root / "shared"):
            path = folder / (module.replace(".", "/") + ".py")
            if path.exists():
                sources[module] = path.read_text(encoding="utf-8")
    return constants_of(sources)


def fold(source: str, constants: dict[str, dict[str, Plain]]) -> str:
    """The same module with numbers in place of `codes.NAME` and of its own `_NAME`s.

    What is neither number nor table stays, and with it the import; so does a name bound twice.
    """
    tree = ast.parse(source)
    modules = _imported(tree, constants)
    tree = _Writer(modules, _private(tree)).visit(tree)
    still_used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    tree = _Dropper(set(modules) - still_used).visit(tree)
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(type(key) is int and isinstance(word, str) for key, word in value.items())
    if isinstance(value, tuple):
        return all(type(item) is int for item in value)
    return type(value) is int


def _bindings(tree: ast.Module) -> list[str]:
    """Every name that is bound anywhere in the module, as often as it is."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.append(node.id)
        elif isinstance(node, ast.arg):
            names.append(node.arg)
        elif isinstance(node, ast.alias):
            names.append(node.asname or node.name)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            names.extend(node.names)
    return names


def _imported(
    tree: ast.Module, constants: dict[str, dict[str, Plain]]
) -> dict[str, dict[str, Plain]]:
    """Local name -> constants, of the constant modules that the module imports at its top."""
    bound = _bindings(tree)
    found = {}
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                values = constants.get(f"{statement.module}.{alias.name}")
                if values is not None and alias.asname is None and bound.count(alias.name) == 1:
                    found[alias.name] = values
    return found


def _private(tree: ast.Module) -> dict[str, Any]:
    """The module's own `_NAME = <literal>`, where nothing else is ever bound to the name."""
    bound = _bindings(tree)
    found = {}
    for statement in tree.body:
        name = _private_name(statement)
        if name is not None and bound.count(name) == 1:
            assert isinstance(statement, ast.Assign)
            assert isinstance(statement.value, ast.Constant)
            found[name] = statement.value.value
    return found


def _private_name(statement: ast.stmt) -> str | None:
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None
    target, value = statement.targets[0], statement.value
    if not isinstance(target, ast.Name) or not _PRIVATE_CONSTANT.match(target.id):
        return None
    plain = isinstance(value, ast.Constant) and isinstance(value.value, int | str | bytes)
    return target.id if plain else None


class _Writer(ast.NodeTransformer):
    """Puts numbers in place of names; takes away the assignments that nobody needs any more."""

    def __init__(self, modules: dict[str, dict[str, Plain]], private: dict[str, Any]) -> None:
        self._modules = modules
        self._private = private

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and isinstance(node.ctx, ast.Load):
            value = self._modules.get(node.value.id, {}).get(node.attr)
            if value is not None:
                return ast.parse(repr(value), mode="eval").body
        self.generic_visit(node)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if isinstance(node.ctx, ast.Load) and node.id in self._private:
            return ast.Constant(self._private[node.id])
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        if _private_name(node) in self._private:
            return None
        self.generic_visit(node)
        return node


class _Dropper(ast.NodeTransformer):
    """Takes away imports of modules that nothing is left to be asked for."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        node.names = [alias for alias in node.names if alias.name not in self._names]
        return node if node.names else None
