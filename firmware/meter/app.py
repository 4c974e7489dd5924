"""The meter: measures its channels, signs, and switches its relays on signed commands."""

from core import node
from wireformat.chained import Reading


def run(config: object) -> None:
    """Work as a meter; returns only by a restart of the board."""
    from board import reset

    node.run(_node(config), reset)


def _node(config: object) -> node.Node:
    # Not held here: what made the hardware objects leaves the heap after the start.
    from board import Board, open_store

    return node.Node(Board(config, open_store()), config, Reading)
