"""`truewatt trace`: put the sources' names into what a board said when it crashed.

usage: truewatt trace [FILE]

Reads a console log (`truewatt device logs --port PORT > FILE`, or standard input) and prints it
with each traced function's names in the sources of this checkout, which must be those that the
board was flashed from. On boards a function's name is a letter or two, and two methods of a group
of modules may share one: then all are named. There are no line numbers on a board.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from truewatt.emulator.mpy_tree import named_modules
from truewatt.toolchain.paths import project_root

_TRACED = re.compile(r'^(\s*File "([^"]+)", line \d+, in )(\S+)\s*$')

Names = dict[tuple[str, str], list[str]]


def names_of(source: Path) -> Names:
    """(file as a trace has it, function's name on a board) -> its names in the sources."""
    modules, short = named_modules(source)
    found: Names = {}
    for module, text in modules.items():
        file = module.rpartition(".")[2]
        for name, function in _functions(ast.parse(text), module):
            names = found.setdefault((file, short.get(function, function)), [])
            if name not in names:
                names.append(name)
    return found


def _functions(tree: ast.AST, prefix: str) -> Iterator[tuple[str, str]]:
    """(qualified name, plain name) of each function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}.{node.name}"
            if not isinstance(node, ast.ClassDef):
                yield name, node.name
            yield from _functions(node, name)
        else:
            yield from _functions(node, prefix)


def decoded(lines: Iterable[str], names: Names) -> Iterator[str]:
    """The lines, with the sources' names behind those of a board."""
    for line in lines:
        traced = _TRACED.match(line.rstrip("\n"))
        if traced is None:
            yield line.rstrip("\n")
            continue
        file = Path(traced[2]).stem
        found = names.get((file, traced[3]), [])
        yield f"{traced[1]}{traced[3]}" + (f"    = {' or '.join(found)}" if found else "")


def main(argv: list[str]) -> int:
    """Decode a file or standard input."""
    if argv and (argv[0] in {"-h", "--help"} or len(argv) > 1):
        print(__doc__)
        return 0 if argv[0] in {"-h", "--help"} else 2
    root = project_root()
    if root is None:
        print("truewatt: no checkout here: the firmware's sources are in one", file=sys.stderr)
        return 1
    names = names_of(root / "firmware")
    text = Path(argv[0]).read_text(errors="replace") if argv else sys.stdin.read()
    for line in decoded(text.splitlines(), names):
        print(line)
    return 0
