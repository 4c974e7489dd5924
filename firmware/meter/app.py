"""The meter: measures its channels, signs, and switches its relays on signed commands."""

from board import Board, open_store, reset
from core import node
from wireformat.chained import Reading


def run(config: object) -> None:
    """Work as a meter; returns only by a restart of the board."""
    node.run(node.Node(Board(config, open_store()), config, Reading), reset)
