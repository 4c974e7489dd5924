"""The published stubs of MicroPython on ESP32 (micropython-esp32-stubs), as installed."""

import ast
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

ESP32, STDLIB = "micropython-esp32-stubs", "micropython-stdlib-stubs"
_NEEDS_ANYHOW = "mypy-extensions"  # mypy asks each typeshed for it


def _tops(package: str) -> Iterator[Path]:
    """What a package put beside the others: its files' first folders."""
    try:
        found = files(package) or []
    except PackageNotFoundError:
        found = []
    seen = {file.parts[0]: Path(str(file.locate())) for file in found if file.suffix == ".pyi"}
    for file in found:
        if file.suffix == ".pyi" and file.parts[0] in seen:
            whole = Path(str(file.locate()))
            yield whole.parents[len(file.parts) - 2] if len(file.parts) > 1 else whole
            del seen[file.parts[0]]


def installed() -> bool:
    """Whether this environment has them."""
    return bool(list(_tops(ESP32)))


def lay_out(folder: Path) -> tuple[Path, Path]:
    """Folders for mypy: the boards' modules, and the standard library that boards have.

    The stubs lie among the other packages, whose modules must not be taken for a board's.
    """
    modules, typeshed = folder / "modules", folder / "typeshed"
    for path in (modules, typeshed / "stubs"):
        path.mkdir(parents=True)
    for top in (*_tops(ESP32), *_tops(STDLIB)):
        if top.name == "stdlib":
            (typeshed / "stdlib").symlink_to(top)
            (typeshed / "stubs" / _NEEDS_ANYHOW).symlink_to(top.parent / "stubs" / _NEEDS_ANYHOW)
        elif top.name != "stubs":
            (modules / top.name).symlink_to(top)
    return modules, typeshed


# MicroPython 1.29, extmod/modbluetooth.c: gatts_notify(conn_handle, value_handle, data=None), from
# three arguments on with self; the stubs have lost the first of them.
_LACKS_FIRST = frozenset({"gatts_notify"})


class Signature:
    """How a function of the stubs can be called: one of its overloads."""

    def __init__(self, node: ast.FunctionDef, is_method: bool) -> None:
        args = node.args
        first = 1 if is_method else 0
        self.positional = [arg.arg for arg in args.posonlyargs + args.args][first:]
        names = {arg.arg for arg in args.args + args.kwonlyargs}
        self.names = names - {"self"}
        self.any_count, self.any_name = args.vararg is not None, args.kwarg is not None

    def takes(self, count: int, names: set[str]) -> bool:
        """Whether `count` positional arguments and `names` fit."""
        fits = self.any_count or count <= len(self.positional)
        return fits and (self.any_name or names <= self.names)


class Members:
    """What a module or a class of the stubs has, by name; functions with their overloads."""

    def __init__(self, body: list[ast.stmt], is_class: bool = False) -> None:
        self.names: set[str] = set()
        self.classes: dict[str, Members] = {}
        self.functions: dict[str, list[Signature]] = {}
        for node in body:
            self._add(node, is_class)

    def _add(self, node: ast.stmt, is_class: bool) -> None:
        if isinstance(node, ast.FunctionDef):
            signature = Signature(node, is_class)
            if node.name in _LACKS_FIRST:
                signature.positional.insert(0, "conn_handle")
            self.functions.setdefault(node.name, []).append(signature)
            self.names.add(node.name)
        elif isinstance(node, ast.ClassDef):
            # A few are there twice, for different ports.
            self.classes.setdefault(node.name, Members(node.body, True))
            self.names.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            self.names.add(node.target.id)

    def calls(self, name: str) -> list[Signature]:
        """The ways to call `name`: of a class, those of its constructor."""
        if name in self.classes:
            return self.classes[name].functions.get("__init__", [])
        return self.functions.get(name, [])


def module(name: str) -> Members | None:
    """The stub of a module; None if boards have no such module."""
    for top in _tops(ESP32):
        if top.name == f"{name}.pyi":
            return Members(ast.parse(top.read_text(encoding="utf-8")).body)
    return None
