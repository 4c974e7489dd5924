"""One line per thing worth knowing, on the board's console."""

import time


def log(part: str, message: object) -> None:
    """Print `message` of `part` with the board's uptime in ms."""
    print("[%s] %s: %s" % (time.ticks_ms(), part, message))
