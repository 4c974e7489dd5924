"""Short private names for a board's modules, given before they are compiled.

MicroPython keeps every name of every loaded module in RAM: some 16 bytes for a name like
`_fallback_at_ms`, and there are five hundred of them. A name that begins with one underscore is
nobody else's business, so each gets a short one; and because two names that can never meet in
one module or object may have the same, a few dozen are enough.

Public names stay: they are wire fields, configuration keys, or called by name.
"""

import ast
import re
import string
from collections import defaultdict
from collections.abc import Iterator

_PRIVATE = re.compile(r"_[A-Za-z0-9][A-Za-z0-9_]*$")
_LETTERS = string.ascii_lowercase + string.digits


def short_names(sources: dict[str, str], verbatim: dict[str, str]) -> dict[str, str]:
    """Private name -> short name, for all modules of a tree together.

    `sources`: module -> source, of those that will be renamed; `verbatim`: of those that stay as
    they are, whose names therefore stay too.
    """
    trees = {module: ast.parse(source) for module, source in sources.items()}
    kept = {name for text in verbatim.values() for name in _names(ast.parse(text))}
    kept |= {text for tree in trees.values() for text in _strings(tree)}
    defined = {name for tree in trees.values() for name in _defined(tree)} - kept
    domains = _domains(trees)
    meets: dict[str, set[int]] = defaultdict(set)
    for module, tree in trees.items():
        for name in _names(tree):
            if name in defined:
                meets[name].add(domains[module])
    return _coloured(meets, kept | {name for tree in trees.values() for name in _names(tree)})


def rename(source: str, names: dict[str, str]) -> str:
    """The same module with short names."""
    tree = _Renamer(names).visit(ast.parse(source))
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _coloured(meets: dict[str, set[int]], taken: set[str]) -> dict[str, str]:
    """Give each name the first short one that no other name of its domains has."""
    used: dict[int, set[str]] = defaultdict(set)
    found = {}
    for name in sorted(meets, key=lambda name: (-len(meets[name]), name)):
        forbidden = set().union(*(used[domain] for domain in meets[name]))
        short = next(word for word in _words() if word not in forbidden and word not in taken)
        for domain in meets[name]:
            used[domain].add(short)
        found[name] = short
    return found


def _words() -> Iterator[str]:
    yield from ("_" + letter for letter in string.ascii_lowercase)
    yield from ("_" + a + b for a in string.ascii_lowercase for b in _LETTERS)


def _names(tree: ast.AST) -> Iterator[str]:
    """Every private name that occurs, as what it may be."""
    for node in ast.walk(tree):
        for field in ("id", "attr", "name", "arg", "asname"):
            value = getattr(node, field, None)
            if isinstance(value, str) and _PRIVATE.match(value):
                yield value
        if isinstance(node, ast.Global | ast.Nonlocal):
            yield from (name for name in node.names if _PRIVATE.match(name))


def _defined(tree: ast.AST) -> Iterator[str]:
    """Private names that the module itself makes: not those of the interpreter's modules."""
    for node in ast.walk(tree):
        made: object = None
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            made = node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            made = node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            made = node.attr
        elif isinstance(node, ast.arg):
            made = node.arg
        if isinstance(made, str) and _PRIVATE.match(made):
            yield made


def _strings(tree: ast.AST) -> Iterator[str]:
    """Texts that look like private names: somebody may look an attribute up by them."""
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and _PRIVATE.match(text):
            yield text


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
