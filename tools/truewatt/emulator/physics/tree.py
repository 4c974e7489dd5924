"""The part of a network that a run needs: sections at their nodes, cables in series joined.

Joining is exact. Of the benchmark's 17 lines a street of three sections needs seven.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from truewatt.emulator.physics.network import NO_IMPEDANCE, Matrix, Network, series


@dataclass(frozen=True)
class Branch:
    """Leads from node `parent` to the node of its own number; `z` in ohm, NO_IMPEDANCE: a joint."""

    parent: int
    z: Matrix


@dataclass(frozen=True)
class Tree:
    """Node 0 is the busbar; `branches[n]` leads to node n + 1, parents first."""

    branches: tuple[Branch, ...]
    sections: dict[str, int]


def build_tree(network: Network, sections: Sequence[str]) -> Tree:
    """Hang the sections on the network's connections in turn, each on a node of its own."""
    to_parent = {line.to_node: (line.from_node, line.z) for line in network.lines}
    for number, name in enumerate(sections):
        to_parent[_own(name)] = (network.connection(number), NO_IMPEDANCE)
    leaves = [_own(name) for name in sections]
    used = _used(leaves, to_parent, network.busbar)
    children: dict[str, int] = {}
    for node in used:
        parent = to_parent[node][0]
        children[parent] = children.get(parent, 0) + 1
    kept = [n for n in used if n in leaves or children.get(n, 0) > 1]
    numbers = {network.busbar: 0, **{node: i for i, node in enumerate(kept, 1)}}
    branches = tuple(_branch(node, to_parent, numbers) for node in kept)
    return Tree(branches, {name: numbers[_own(name)] for name in sections})


def _own(section: str) -> str:
    """A node name that no network has."""
    return f"section {section}"


def _used(leaves: list[str], to_parent: dict[str, tuple[str, Matrix]], busbar: str) -> list[str]:
    """All nodes on the way to a leaf, parents first."""
    used: dict[str, None] = {}
    for leaf in leaves:
        way = []
        node = leaf
        while node != busbar:
            way.append(node)
            node = to_parent[node][0]
        used.update(dict.fromkeys(reversed(way)))
    return list(used)


def _branch(node: str, to_parent: dict[str, tuple[str, Matrix]], numbers: dict[str, int]) -> Branch:
    parent, z = to_parent[node]
    while parent not in numbers:
        parent, more = to_parent[parent]
        z = series(z, more)
    return Branch(numbers[parent], z)
