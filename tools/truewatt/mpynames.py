"""Short names for a board's modules, given before they are compiled.

MicroPython keeps every name of every loaded module in RAM: its text, length, hash and a pointer,
some 16 bytes for a name like `fallback_at_ms`, and there are more than a thousand of them. Most are
known to nobody but the firmware itself, so each gets a short one; and because two names that can
never meet in one module or object may have the same, a hundred and some are enough.

`truewatt.mpykept` says which names stay. Private names become `_a`, public ones `A`.
"""

import ast
import string
from collections import defaultdict
from collections.abc import Iterator

from truewatt.mpykept import bare, identifiers, is_private, kept_names

_LETTERS = string.ascii_lowercase + string.digits


def short_names(sources: dict[str, str], verbatim: dict[str, str]) -> dict[str, str]:
    """Name -> short name, for all modules of a tree together.

    `sources`: module -> source, of those that will be renamed; `verbatim`: of those that stay as
    they are, whose names therefore stay too.
    """
    trees = {module: bare(ast.parse(source)) for module, source in sources.items()}
    kept = kept_names(trees, [ast.parse(text) for text in verbatim.values()])
    defined = {name for tree in trees.values() for name in _defined(tree)} - kept
    domains = _domains(trees)
    meets: dict[str, set[int]] = defaultdict(set)
    for module, tree in trees.items():
        for name in identifiers(tree):
            if name in defined:
                meets[name].add(domains[module])
    for name in {name for tree in trees.values() for name in _given_to_others(tree)} & defined:
        meets[name].update(domains.values())
    return _coloured(meets, kept | {name for tree in trees.values() for name in identifiers(tree)})


def rename(source: str, names: dict[str, str]) -> str:
    """The same module with short names, without docstrings and annotations."""
    tree = _Renamer(names).visit(bare(ast.parse(source)))
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _coloured(meets: dict[str, set[int]], taken: set[str]) -> dict[str, str]:
    """Give each name the first short one that no other name of its domains has."""
    used: dict[int, set[str]] = defaultdict(set)
    found = {}
    for name in sorted(meets, key=lambda name: (-len(meets[name]), name)):
        forbidden = set().union(*(used[domain] for domain in meets[name]))
        words = _words(is_private(name))
        short = next(word for word in words if word not in forbidden and word not in taken)
        for domain in meets[name]:
            used[domain].add(short)
        found[name] = short
    return found


def _words(private: bool) -> Iterator[str]:
    """No local variable begins with a capital letter; a generator that does is a public one."""
    first = ["_" + a for a in string.ascii_lowercase] if private else list(string.ascii_uppercase)
    yield from first
    yield from (a + b for a in first for b in _LETTERS)


def _defined(tree: ast.AST, inside: bool = False) -> Iterator[str]:
    """Names that the module itself makes, but for local variables, which have no names on a board.

    Not those of the interpreter's modules: what is only asked for is not made.
    """
    for node in ast.iter_child_nodes(tree):
        local = inside
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _not_dunder(node.name)
            local = not isinstance(node, ast.ClassDef)
        elif isinstance(node, ast.Lambda):
            local = True
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and not inside:
            yield from _not_dunder(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield from _not_dunder(node.attr)
        elif isinstance(node, ast.arg):
            yield from _not_dunder(node.arg)
        elif isinstance(node, ast.Global):
            yield from node.names
        elif isinstance(node, ast.alias) and node.asname is not None:
            yield node.asname
        yield from _defined(node, local)


def _not_dunder(name: str) -> Iterator[str]:
    if not name.startswith("__"):
        yield name


def _given_to_others(tree: ast.AST) -> Iterator[str]:
    """Attributes set on other objects than `self`: their classes need not mention them."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Store):
            continue
        if not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            yield node.attr


def _domains(trees: dict[str, ast.Module]) -> dict[str, int]:
    """Module -> number; modules whose classes inherit from each other have one number."""
    leader = {module: module for module in trees}

    def root(module: str) -> str:
        while leader[module] != module:
            module = leader[module]
        return module

    for module, tree in trees.items():
        for other in _inherited_from(tree, trees):
            leader[root(module)] = root(other)
    numbers = {module: number for number, module in enumerate(sorted(trees))}
    return {module: numbers[root(module)] for module in trees}


def _inherited_from(tree: ast.Module, trees: dict[str, ast.Module]) -> Iterator[str]:
    """Modules of the tree that the module's classes take a base from."""
    origin = _origins(tree, trees)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for base in node.bases:
                first = base
                while isinstance(first, ast.Attribute):
                    first = first.value
                if isinstance(first, ast.Name) and origin.get(first.id) in trees:
                    yield origin[first.id]


def _origins(tree: ast.Module, trees: dict[str, ast.Module]) -> dict[str, str]:
    """Imported name -> the module that it is or comes from."""
    origin = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                origin[alias.asname or alias.name] = whole if whole in trees else node.module
        elif isinstance(node, ast.Import):
            for alias in node.names:
                origin[alias.asname or alias.name.split(".")[0]] = alias.name
    return origin


class _Renamer(ast.NodeTransformer):
    """Puts the short name wherever a name may stand."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Rename the node's own identifiers, then go on below it."""
        for field in ("id", "attr", "name", "arg", "asname"):
            value = getattr(node, field, None)
            if isinstance(value, str) and value in self._names:
                setattr(node, field, self._names[value])
        if isinstance(node, ast.Global | ast.Nonlocal):
            node.names = [self._names.get(name, name) for name in node.names]
        return super().generic_visit(node)
