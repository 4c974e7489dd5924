"""`truewatt bench faults`: what is lost when things break, counted by an account of its own."""

from truewatt.bench.faults.cli import main

__all__ = ["main"]
