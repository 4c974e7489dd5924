"""Short names for a board's modules, given before they are compiled.

MicroPython keeps every name of every loaded module in RAM: its text, length, hash and a pointer,
some 16 bytes for a name like `fallback_at_ms`, and there are more than a thousand of them. Most are
known to nobody but the firmware itself, so each gets a short one; and because two names that can
never meet may have the same, a hundred and some are enough. `truewatt.mpymeet` says who meets whom,
`truewatt.mpykept` which names stay. Private names become `_a`, public ones `A`.
"""

import ast
import string
from collections import defaultdict
from collections.abc import Iterator

from truewatt.mpykept import bare, identifiers, is_private, kept_names
from truewatt.mpymeet import Rooms, rooms_of

_LETTERS = string.ascii_lowercase + string.digits


def short_names(sources: dict[str, str], verbatim: dict[str, str]) -> dict[str, str]:
    """Name -> short name, for all modules of a tree together.

    `sources`: module -> source, of those that will be renamed; `verbatim`: of those that stay as
    they are, whose names therefore stay too.
    """
    meets = rooms_of({module: ast.parse(source) for module, source in sources.items()})
    trees = {module: bare(ast.parse(source)) for module, source in sources.items()}
    kept = kept_names(trees, [ast.parse(text) for text in verbatim.values()])
    defined = {name for tree in trees.values() for name in _defined(tree)} - kept
    taken = kept | {name for tree in trees.values() for name in identifiers(tree)}
    return _coloured({name: meets[name] for name in defined}, taken)


def rename(source: str, names: dict[str, str]) -> str:
    """The same module with short names, without docstrings and annotations."""
    tree = _Renamer(names).visit(bare(ast.parse(source)))
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _coloured(meets: dict[str, Rooms], taken: set[str]) -> dict[str, str]:
    """Give each name the first short one that no other name has where it is seen."""
    used: dict[object, set[str]] = defaultdict(set)
    found = {}
    for name in sorted(meets, key=lambda name: (-len(meets[name]), name)):
        forbidden = set().union(*(used[room] for room in meets[name]))
        words = _words(is_private(name))
        short = next(word for word in words if word not in forbidden and word not in taken)
        for room in meets[name]:
            used[room].add(short)
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
