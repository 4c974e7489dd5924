"""Make sure that MicroPython is there: ``python -m truewatt.toolchain native 32bit``."""

import sys

from truewatt.toolchain.errors import ToolchainError
from truewatt.toolchain.interpreter import describe


def main(arches: list[str]) -> int:
    """Print one line per MicroPython of ``arches``; return 1 when one can't be had."""
    for arch in arches:
        try:
            found = describe(arch)
        except ToolchainError as error:
            print(f"truewatt: cannot go on: {error}", file=sys.stderr)
            return 1
        version = ".".join(map(str, found.version))
        print(f"truewatt: MicroPython {version}, {found.word_bits}-bit", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
