"""Which names of a board's modules must stay as they are written.

Everything else may be called anything (`truewatt.mpynames`), because nobody asks for it by its
text: not Python, not a person at the console, not a message that a person reads.
"""

import ast
import builtins
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*$")
_PRIVATE = re.compile(r"_[A-Za-z0-9][A-Za-z0-9_]*$")
_AT_THE_CABLE = ("update.cable",)
_INTERPRETER = Path(__file__).with_name("mpy_interpreter_names.txt")
_EXCEPTIONS = frozenset(
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
)


def is_private(name: str) -> bool:
    """Whether a name is nobody's business but its own tree's."""
    return _PRIVATE.match(name) is not None


@cache
def interpreter_names() -> frozenset[str]:
    """Names that MicroPython and the ESP32's modules define.

    Of every module and type of the interpreter that the tests use, and of the stubs of `machine`,
    `network`, `esp32`, `bluetooth`, `socket` and the like.
    """
    return frozenset(_INTERPRETER.read_text(encoding="utf-8").split())


def kept_names(trees: dict[str, ast.Module], verbatim: Iterable[ast.Module]) -> set[str]:
    """Names that stay: `trees` are the modules to be renamed, `verbatim` those left alone."""
    kept = {name for tree in verbatim for name in identifiers(tree)}
    kept |= {text for tree in trees.values() for text in _strings(tree)}
    # Whatever else is asked for by a text is public: a private name is never given by keyword.
    public = set(interpreter_names()) | _exception_classes(trees) | _called_by_people(trees)
    for module, tree in trees.items():
        public.update(module.split("."))
        public.update(_keywords(tree))
        public.update(_imported_from_outside(tree, trees))
        public.update(_built_in(tree))
    return kept | {name for name in public if not is_private(name)}


def identifiers(tree: ast.AST) -> Iterator[str]:
    """Every name that occurs, as what it may be; dunder names are not among them."""
    for node in ast.walk(tree):
        for field in ("id", "attr", "name", "arg", "asname"):
            value = getattr(node, field, None)
            if isinstance(value, str) and _NAME.match(value) and not value.startswith("__"):
                yield value
        if isinstance(node, ast.Global | ast.Nonlocal):
            yield from node.names


def bare(tree: ast.Module) -> ast.Module:
    """Without what the compiler drops: docstrings and annotations, whose texts bind nobody.

    Viper's annotations are types; what has a decorator keeps them.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.decorator_list:
            node.returns = None
            for arg in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
                arg.annotation = None
        body = getattr(node, "body", None)
        if isinstance(body, list):
            texts = [item for item in body if _is_text(item)]
            node.body = [item for item in body if item not in texts] or [ast.Pass()]  # type: ignore[attr-defined]
    return tree


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _strings(tree: ast.AST) -> Iterator[str]:
    """Texts that look like names: somebody may look an attribute up by them."""
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and _NAME.match(text):
            yield text


def _keywords(tree: ast.AST) -> Iterator[str]:
    """Names of keyword arguments: fields of records and keys of the NVS are given so."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg is not None:
            yield node.arg


def _imported_from_outside(tree: ast.AST, trees: dict[str, ast.Module]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.asname or alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module not in trees:
            yield from (alias.name for alias in node.names)


def _built_in(tree: ast.AST) -> set[str]:
    """Names that the module uses and binds nowhere: the interpreter's, viper's types among them."""
    used: set[str] = set()
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).split(".")[0])
        else:
            bound.add(str(getattr(node, "name", "")))  # of functions, classes, caught errors
    return used - bound


def _exception_classes(trees: dict[str, ast.Module]) -> set[str]:
    """Classes whose names a person reads in a trace or in the text of an error."""
    found = set(_EXCEPTIONS)
    classes = [node for tree in trees.values() for node in ast.walk(tree)]
    grown = True
    while grown:
        grown = False
        for node in classes:
            if isinstance(node, ast.ClassDef) and node.name not in found:
                bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
                if bases & found:
                    found.add(node.name)
                    grown = True
    return found


def is_for_people(module: str) -> bool:
    """Whether a person at the console calls what is in it: it lies outside of packages, mostly."""
    return "." not in module or module in _AT_THE_CABLE


def _called_by_people(trees: dict[str, ast.Module]) -> set[str]:
    """What is typed at the console: `provision.run`, as all that is outside of packages."""
    found = set()
    for module, tree in trees.items():
        if is_for_people(module):
            for node in tree.body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                    found.add(node.name)
                elif isinstance(node, ast.Assign):
                    found |= {part.id for part in node.targets if isinstance(part, ast.Name)}
    return found
