"""The names that MicroPython's own modules and types define: `python -m` this writes the list.

They come from two sides. The unix interpreter of the tests is asked for what its modules, types and
objects have; the stubs say it of the ESP32's modules. The list is in the repository, because who
flashes a board has neither. `truewatt.mpykept` reads it.
"""

import ast
import subprocess
import sys
from pathlib import Path

from truewatt.toolchain import micropython

LIST = Path(__file__).with_suffix(".txt")
_STUBS = [
    "machine",
    "network",
    "esp32",
    "esp",
    "bluetooth",
    "espnow",
    "aioespnow",
    "socket",
    "tls",
    "vfs",
    "select",
    "time",
    "gc",
    "micropython",
    "hashlib",
    "random",
    "errno",
    "flashbdev",
]
# Attributes that a type answers for by itself, so that `dir` shows none (extmod/modasyncio.c,
# task_attr; exceptions, slices, ranges, views; ports/esp32 has os.uname, the unix port has not).
_UNSEEN = {"cancel", "coro", "data", "done", "ph_key", "state", "uname"}
_UNSEEN |= {"add", "peek", "pop", "push", "remove", "args", "errno", "value"}
# extmod/modtls_mbedtls.c, ssl_context_attr.
_UNSEEN |= {"verify_mode", "verify_callback", "ecdsa_sign_callback"}
_UNSEEN |= {"imag", "indices", "itemsize", "real", "start", "step", "stop"}
_ASK = """
import builtins, asyncio, socket, hashlib, select
names = set()
seen = []

def walk(thing):
    for name in dir(thing):
        names.add(name)
        try:
            value = getattr(thing, name)
        except Exception:
            continue
        if isinstance(value, type) and value not in seen:
            seen.append(value)
            walk(value)

for word in (
    "array asyncio binascii builtins cmath collections cryptolib deflate errno framebuf gc hashlib"
    " heapq io json machine math micropython os platform random re select socket ssl struct sys"
    " termios time tls uctypes vfs websocket _thread btree bluetooth"
).split():
    try:
        walk(__import__(word))
    except ImportError:
        continue
    names.add(word)
# Written in C, it looks its attributes up and lists none.
names.update(("cancel", "done"))
for word in ("StreamReader", "Stream", "Task", "Event", "Lock", "IOQueue"):
    walk(getattr(asyncio, word, None))
things = [b"", bytearray(), memoryview(b""), "", [], (), {}, {1}, 1, 1.0, {}.keys(), range(1)]
things += [(i for i in ()), walk, open("/dev/null"), open("/dev/null", "rb"), socket.socket()]
for thing in things + [hashlib.sha256(), select.poll()]:
    walk(thing)
print("\\n".join(names))
"""


def of_interpreter(arch: str = "32bit") -> set[str]:
    """What an interpreter of `truewatt.toolchain` has."""
    said = subprocess.run(
        [*micropython(arch), "-c", _ASK], capture_output=True, text=True, timeout=60, check=True
    )
    return _UNSEEN | {name for name in said.stdout.split() if not name.startswith("__")}


def of_stubs() -> set[str]:
    """Functions, classes and constants of the ESP32's modules, from micropython-esp32-stubs."""
    found = set()
    for module in _STUBS:
        for folder in map(Path, sys.path):
            path = folder / f"{module}.pyi"
            if path.exists():
                found |= {module, *_declared(ast.parse(path.read_text(encoding="utf-8")))}
    return {name for name in found if not name.startswith("__")}


def _declared(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {part.id for part in node.targets if isinstance(part, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


def main() -> None:
    """Write the list anew."""
    names = of_interpreter() | of_stubs()
    LIST.write_text("\n".join(sorted(names)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
