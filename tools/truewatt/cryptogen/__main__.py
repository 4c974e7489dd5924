"""`python -m truewatt.cryptogen [--check]`: write the generated modules, or compare them."""

import sys
from pathlib import Path

from truewatt.cryptogen import field_vm, sha512_constants, tables

CRYPTO = Path(__file__).resolve().parents[3] / "firmware" / "crypto"


def generated() -> dict[Path, str]:
    """Path and text of every generated module."""
    return {
        CRYPTO / "field_vm.py": field_vm.source(),
        CRYPTO / "sha512_constants.py": sha512_constants.source(),
        CRYPTO / "tables.py": tables.source(),
    }


def main(argv: list[str]) -> int:
    """Return 1 if `--check` finds a module that differs from what would be written."""
    stale = {path: text for path, text in generated().items() if _read(path) != text}
    if "--check" in argv:
        for path in stale:
            print(f"{path}: differs from its generator; run python -m truewatt.cryptogen")
        return 1 if stale else 0
    for path, text in stale.items():
        path.write_text(text)
        print(f"wrote {path}")
    return 0


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
