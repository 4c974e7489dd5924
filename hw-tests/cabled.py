"""A board at `--device`: modules put on its flash, scripts run there, through the real mpremote.

The firmware's modules go to /hwtest under their own names, because tests ask for them by those;
what is flashed for use stays as it is.
"""

import ast
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from truewatt.device.errors import DeviceError
from truewatt.device.link import Link, attached
from truewatt.mpybuild import compile_module, march_of
from truewatt.toolchain import mpy_cross

ROOT = Path(__file__).resolve().parents[1]
FIRMWARE = ROOT / "firmware"
FOLDER = "/hwtest"
_PATH = f"import sys;sys.path[:]=['{FOLDER}','{FOLDER}/shared','.frozen','/lib']"
# In a raw prompt SystemExit is a soft reset, and what was said is lost.
_RUN = """
sys.argv[:] = {argv!r}
try:
    import {module}
except SystemExit as end:
    print("exit", end)
"""
# Whoever was provisioned has a configuration, or a key in NVS.
_HOLDS = """
def holds():
    import os
    if 'config.json' in os.listdir('/'):
        return True
    try:
        from esp32 import NVS
        return NVS('tw').get_blob('seed', bytearray(64)) > 0
    except (ImportError, OSError):
        return False
print(holds())
"""
_REMOVE = f"""
def remove(path):
    import os
    try:
        entries = list(os.ilistdir(path))
    except OSError:
        return
    for name, kind in [entry[:2] for entry in entries]:
        if kind & 0x4000:
            remove(path + '/' + name)
        else:
            os.remove(path + '/' + name)
    os.rmdir(path)
remove('{FOLDER}')
"""


class BoardInUse(DeviceError):
    """The board was provisioned, and nobody said that tests may have it."""


class CabledBoard:
    """The board at a serial port; one that was provisioned only if it `may_be_wiped`."""

    def __init__(self, port: str, may_be_wiped: bool = False) -> None:
        self.port = port
        self.may_be_wiped = may_be_wiped
        self._there: set[str] = set()
        self._refusal: BoardInUse | None = None
        self._admitted = False

    def clean(self) -> None:
        """Remove from the board's flash what tests put there."""
        if self._admitted:
            with attached(self.port) as link:
                link.run(_REMOVE)
            self._there.clear()

    @contextmanager
    def _attached(self) -> Iterator[Link]:
        """The board at its prompt. Raises `BoardInUse`, having touched the board once at most."""
        if self._refusal is not None:
            raise self._refusal
        with attached(self.port) as link:
            if not self._admitted:
                self._admit(link)
            yield link

    def _admit(self, link: Link) -> None:
        if not self.may_be_wiped and link.run(_HOLDS).strip() == "True":
            # Its firmware was stopped to ask: let it work again.
            link.restart()
            self._refusal = BoardInUse(
                "the board was provisioned: it has a configuration or a key",
                self.port,
                "Take another board, `truewatt device factory-reset`, or add "
                "--yes-this-board-may-be-wiped.",
            )
            raise self._refusal
        self._admitted = True

    def run(self, script: Path, *arguments: str) -> str:
        """Import a script in a fresh interpreter of the board; what it printed."""
        self.load([script])
        with self._attached() as link:
            argv = [script.name, *arguments]
            return link.run(_PATH + _RUN.format(argv=argv, module=script.stem))

    def execute(self, code: str, *scripts: Path) -> str:
        """Run code with the firmware's modules, and `scripts`, at hand."""
        self.load(scripts)
        with self._attached() as link:
            return link.run(_PATH + "\n" + code)

    def load(self, scripts: Iterable[Path]) -> None:
        """Put `scripts` and what they import on the board's flash, compiled for its chip."""
        wanted = {}
        for path in _with_imports(scripts):
            if (target := _target(path)) not in self._there:
                wanted[path] = target
        if wanted:
            with self._attached() as link, TemporaryDirectory() as folder:
                link.require()
                self._put(link, wanted, Path(folder))

    def _put(self, link: Link, wanted: dict[Path, str], folder: Path) -> None:
        march = march_of(int(link.value("getattr(sys.implementation, '_mpy', 0) >> 10")))
        held = link.digests(list(wanted.values()))
        for path, target in wanted.items():
            built = folder / target.lstrip("/")
            compile_module(path, built, march, mpy_cross())
            data = built.read_bytes()
            if held[target] != (len(data), sha256(data).hexdigest()):
                assert link.write(target, data, lambda count: None), target
            self._there.add(target)


def _target(path: Path) -> str:
    below = path.relative_to(FIRMWARE) if path.is_relative_to(FIRMWARE) else Path(path.name)
    return f"{FOLDER}/{below.with_suffix('.mpy').as_posix()}"


def _with_imports(scripts: Iterable[Path]) -> Iterator[Path]:
    """Scripts, and of what they import what is ours: beside them, or the firmware's."""
    left, seen = list(scripts), set()
    while left:
        path = left.pop()
        if path in seen:
            continue
        seen.add(path)
        yield path
        for name in _imported(ast.parse(path.read_text(encoding="utf-8"))):
            file = Path(*name.split("."))
            for root in (path.parent, FIRMWARE, FIRMWARE / "shared"):
                for found in (root / file.with_suffix(".py"), root / file / "__init__.py"):
                    if found.exists():
                        left.append(found)


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield node.module.partition(".")[0]
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
