"""The ``truewatt`` command: find the subcommand, run it, and report errors the same way everywhere.

Every subcommand is a module with ``main(argv: list[str]) -> int``, imported only when asked for, so
that one part's missing extra doesn't stop another part.
"""

import ast
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import cast

from truewatt import bench

Main = Callable[[list[str]], int]

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141
_OUR_PACKAGES = frozenset({"gateway", "ledger", "wireformat", "truewatt"})
_EXAMPLES = """\
examples:
  truewatt doctor                                   is everything here that the project needs?
  truewatt demo --minutes 3 --seed 1                watch the whole loop run
  truewatt demo --headless --minutes 3 --seed 1 --report report.json
  truewatt gateway check-config gateway.toml        every error, with its key
  truewatt ledger verify --help                     replay a chain and check all of it
  truewatt device --help                            a board: flash, provision, logs, reset
  truewatt bench crypto                             what a signature costs a board
  truewatt bench firmware                           what a record and a command cost it
  truewatt bench heap                               an hour of each kind of board in a chip's heap

Each command explains itself: truewatt COMMAND --help
A message without a traceback is for you; set TRUEWATT_TRACEBACK=1 to see where it came from."""


@dataclass(frozen=True)
class Command:
    """A subcommand: the module that runs it, and one line of help."""

    module: str
    summary: str


COMMANDS = {
    "demo": Command("truewatt.demo.cli", "run boards, gateway and ledger on emulated hardware"),
    "gateway": Command("gateway.cli", "run the edge gateway, or check its configuration"),
    "ledger": Command("ledger.cli", "run a ledger node, look at a chain, verify it"),
    "device": Command("truewatt.device.cli", "flash a board, provision it, look at it"),
    "bench": Command("truewatt.cli", "measure: truewatt bench NAME"),
    "trace": Command("truewatt.mpytrace", "put the sources' names into a board's crash"),
    "doctor": Command("truewatt.doctor", "check this machine and say what is missing"),
}


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv`` (without the program's name); return the exit status."""
    words = sys.argv[1:] if argv is None else argv
    if not words or words[0] in {"-h", "--help", "help"}:
        print(_help())
        return 0 if words else EXIT_USAGE
    if words[0] in {"-V", "--version"}:
        print(f"truewatt {version('truewatt')}")
        return 0
    if words[0] == "bench":
        return _bench(words[1:])
    if words[0] not in COMMANDS:
        return _unknown("command", words[0], list(COMMANDS))
    return run(COMMANDS[words[0]].module, words[1:])


def run(module: str, argv: list[str]) -> int:
    """Import ``module`` and run its ``main``; turn what it raises into a message and a status."""
    try:
        return cast(Main, import_module(module).main)(argv)
    except KeyboardInterrupt:
        print("truewatt: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output (head, less) has seen enough; keep the exit of Python quiet too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except Exception as error:
        if os.environ.get("TRUEWATT_TRACEBACK") or not _is_ours(error):
            raise
        print(explain(error), file=sys.stderr)
        return EXIT_FAILED


def explain(error: Exception) -> str:
    """Return the message for a person: what, and if the error knows it, where and what to do."""
    lines = [f"truewatt: {getattr(error, 'what', None) or error or type(error).__name__}"]
    if where := getattr(error, "where", None):
        lines.append(f"  where:      {where}")
    if todo := getattr(error, "todo", None):
        lines.append(f"  what to do: {todo}")
    return "\n".join(lines)


def _is_ours(error: Exception) -> bool:
    """Tell a named error of the project, which explains itself, from a bug, which needs a trace."""
    return type(error).__module__.partition(".")[0] in _OUR_PACKAGES


def _bench(argv: list[str]) -> int:
    names = sorted(m.name for m in iter_modules(bench.__path__) if not m.name.startswith("_"))
    if not argv or argv[0] in {"-h", "--help"}:
        rows = [f"{name:9} {_bench_summary(name)}" for name in names]
        print("usage: truewatt bench NAME [options]   (--help: its limits)", "", *rows, sep="\n  ")
        return 0 if argv else EXIT_USAGE
    if argv[0] not in names:
        return _unknown("benchmark", argv[0], names)
    return run(f"{bench.__name__}.{argv[0]}", argv[1:])


def _bench_summary(name: str) -> str:
    """What the bench says of itself, without loading it."""
    spec = find_spec(f"{bench.__name__}.{name}")
    assert spec is not None
    assert spec.origin is not None
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
    return text.splitlines()[0].partition(": ")[2].rstrip(".:")


def _unknown(kind: str, name: str, known: list[str]) -> int:
    print(f"truewatt: no such {kind}: {name!r}. There is: {', '.join(known)}", file=sys.stderr)
    return EXIT_USAGE


def _help() -> str:
    rows = [f"  {name:9} {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(["usage: truewatt COMMAND [options]", "", *rows, "", _EXAMPLES])


if __name__ == "__main__":
    sys.exit(main())
