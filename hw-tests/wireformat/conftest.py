"""The modules beside this file are shared by its tests and run on MicroPython too."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
VECTORS = ROOT.parent / "shared" / "vectors"

sys.path.insert(0, str(HERE))


@pytest.fixture(scope="session")
def golden() -> dict[str, Any]:
    """The committed golden vectors."""
    loaded: dict[str, Any] = json.loads((HERE / "golden.json").read_text())
    return loaded


@pytest.fixture(scope="session")
def public_vectors() -> Path:
    """Vectors that others published; they are no part of the project."""
    if not VECTORS.is_dir():
        pytest.skip("no ../shared/vectors on this machine")
    return VECTORS
