"""Build the Go programs of this folder, and CometBFT itself at the version that ``go.mod`` pins."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
COMETBFT = "github.com/cometbft/cometbft/cmd/cometbft"


def build(work: Path, package: str) -> Path:
    """Binary of one package, in ``work``, without cgo."""
    binary = work / package.rsplit("/", 1)[-1]
    environment = os.environ | {"CGO_ENABLED": "0"}
    subprocess.run(
        ["go", "build", "-p", "2", "-o", binary, package], cwd=HERE, env=environment, check=True
    )
    return binary
