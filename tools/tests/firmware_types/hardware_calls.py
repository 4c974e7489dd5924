"""What code of boards asks of the chip's own modules, found in its sources."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

MODULES = ("machine", "network", "bluetooth", "espnow", "esp32")

# Hardware is handed in: whoever holds some names it so, and this is what it is.
HELD = {
    "uart": "machine.UART",
    "spi": "machine.SPI",
    "i2c": "machine.I2C",
    "cs": "machine.Pin",
    "de": "machine.Pin",
    "pin": "machine.Pin",
    "sense": "machine.Pin",
    "reset_button": "machine.Pin",
    "watchdog": "machine.WDT",
    "nvs": "esp32.NVS",
    "unit": "esp32.PCNT",
    "sel": "machine.Pin",
    "station": "network.WLAN",
    "ble": "bluetooth.BLE",
    # The module itself: who has no radio never imports it.
    "bluetooth": "bluetooth",
}

# What the elements are of the lists that these give.
ELEMENTS = {("esp32", "Partition", "find"): ("esp32", "Partition")}


@dataclass(frozen=True)
class Use:
    """`path` (module, names) is had; `call` if it is called: positional count, names given."""

    path: tuple[str, ...]
    line: int
    call: tuple[int, frozenset[str]] | None = None


class Walker(ast.NodeVisitor):
    """Collects every use of the chip's modules and of the objects made from them."""

    def __init__(self) -> None:
        self.uses: list[Use] = []
        self._known: dict[str, tuple[str, ...]] = {}
        self._called: dict[int, ast.Call] = {}

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name in MODULES:
                self._known[alias.asname or alias.name] = (alias.name,)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module in MODULES:
            for alias in node.names:
                path = (node.module, alias.name)
                self._known[alias.asname or alias.name] = path
                self.uses.append(Use(path, node.lineno))

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._name(target, node.value)
        self.generic_visit(node)

    def _name(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, its in zip(target.elts, value.elts, strict=False):
                self._name(one, its)
        elif isinstance(target, ast.Name) and (made := self._made(value)):
            self._known[target.id] = made

    def visit_For(self, node: ast.For) -> None:
        """The loop's variable is known in its body alone."""
        outside = dict(self._known)
        of = self._path(node.iter.func) if isinstance(node.iter, ast.Call) else None
        if of in ELEMENTS and isinstance(node.target, ast.Name):
            self._known[node.target.id] = ELEMENTS[of]
        self.generic_visit(node)
        if isinstance(node.target, ast.Name):
            self._known.pop(node.target.id, None)
            if node.target.id in outside:
                self._known[node.target.id] = outside[node.target.id]

    def visit_Call(self, node: ast.Call) -> None:
        self._called[id(node.func)] = node
        if isinstance(node.func, ast.Name):
            self._see(node.func)
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._see(node)
        self.generic_visit(node)

    def _see(self, node: ast.Name | ast.Attribute) -> None:
        path = self._path(node)
        if path and len(path) > 1:
            self.uses.append(Use(path, node.lineno, self._arguments(node)))

    def _arguments(self, node: ast.expr) -> tuple[int, frozenset[str]] | None:
        call = self._called.get(id(node))
        # What is unpacked can't be counted: mypy looks at that.
        if call is None or any(isinstance(arg, ast.Starred) for arg in call.args):
            return None
        return len(call.args), frozenset(word.arg for word in call.keywords if word.arg)

    def _made(self, value: ast.expr) -> tuple[str, ...] | None:
        """The class whose object a call makes, or the alias that a name is."""
        if isinstance(value, ast.Call):
            path = self._path(value.func)
            return path if path and len(path) == 2 and path[1][0].isupper() else None
        return self._path(value) if isinstance(value, ast.Attribute | ast.Name) else None

    def _path(self, node: ast.expr) -> tuple[str, ...] | None:
        if isinstance(node, ast.Name):
            return self._known.get(node.id) or _held(node.id)
        if isinstance(node, ast.Call):
            return self._made(node)
        if not isinstance(node, ast.Attribute):
            return None
        of = self._path(node.value)
        if of is None or (len(of) == 1 and of[0] not in MODULES):
            return _held(node.attr)
        return (*of, node.attr)


def _held(name: str) -> tuple[str, ...] | None:
    path = HELD.get(name.lstrip("_"))
    return tuple(path.split(".")) if path else None


def uses_in(source: str) -> Iterator[Use]:
    """All uses, but not of what is held where only its holder's name says what it is."""
    walker = Walker()
    walker.visit(ast.parse(source))
    seen = set()
    for use in walker.uses:
        if use not in seen:
            seen.add(use)
            yield use
