"""A published low-voltage network as data: `networks/<name>.toml`, read strictly.

Every line is a four-wire cable. Its neutral carries what the phases send back and is earthed at
the transformer only (the benchmark's 40 ohm at the customers carry next to nothing). The
phase-to-neutral drop then depends on phase currents alone, with
z'[i][j] = z[i][j] - z[i][n] - z[n][j] + z[n][n]: no approximation, and the earth's share of
Carson's formula cancels out. Reactances are those at 50 Hz at any frequency.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from truewatt.emulator.json_table import RigConfigError, Table

Matrix = tuple[complex, ...]
"""3 x 3 by rows."""

DEFAULT_NETWORK = "cigre_lv_residential"
_FOLDER = Path(__file__).parent / "networks"
_WIRES = 4
NO_IMPEDANCE: Matrix = (0j,) * 9


@dataclass(frozen=True)
class Code:
    """A cable, ohm per km: `z` phase to neutral, and the loop of one phase and the neutral."""

    name: str
    z: Matrix
    loop: complex


@dataclass(frozen=True)
class Line:
    """A cable between two nodes; `z` in ohm."""

    from_node: str
    to_node: str
    z: Matrix


@dataclass(frozen=True)
class Network:
    """A radial network behind one transformer. Impedances in ohm on the low-voltage side."""

    name: str
    nominal_v: float
    busbar: str
    source_z: Matrix
    lines: tuple[Line, ...]
    connections: tuple[str, ...]
    service_ohm: tuple[complex, ...]

    def service(self, number: int) -> complex:
        """The loop impedance of the service cable of a section's n-th home (from 0)."""
        return self.service_ohm[number % len(self.service_ohm)]

    def connection(self, number: int) -> str:
        """Where the n-th section (from 0) hangs."""
        return self.connections[number % len(self.connections)]


def network_names() -> tuple[str, ...]:
    """The networks that there are."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def load_network(name: str = DEFAULT_NETWORK) -> Network:
    """Read a network that comes with the emulator. Raises RigConfigError."""
    if name not in network_names():
        raise RigConfigError("feeder.network", "one of " + ", ".join(network_names()), name)
    return parse_network((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def parse_network(text: str) -> Network:
    """Check a network file. Raises RigConfigError, which names the key."""
    try:
        top = Table("network.", tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise RigConfigError("network", "a TOML file", str(error)) from error
    nominal_v = top.number("nominal_v", 400.0, 100.0, 1000.0)
    for source in top.tables("source", []):
        source.text("document")
        source.text("holds")
        source.end()
    codes = {code.name: code for code in map(_code, top.tables("code", []))}
    lines = tuple(_line(table, codes) for table in top.tables("line", []))
    connections, service_ohm = _placement(
        Table("network.placement.", top.raw("placement", None)), codes
    )
    network = Network(
        top.text("name"),
        nominal_v,
        top.text("busbar"),
        _source_z(top, nominal_v),
        lines,
        connections,
        service_ohm,
    )
    top.end()
    _check_radial(network)
    return network


def series(a: Matrix, b: Matrix) -> Matrix:
    """Two impedances one after the other."""
    return tuple(x + y for x, y in zip(a, b, strict=True))


def balanced(z: complex) -> Matrix:
    """The same impedance in each phase, nothing between them."""
    return (z, 0j, 0j, 0j, z, 0j, 0j, 0j, z)


def _source_z(top: Table, nominal_v: float) -> Matrix:
    """Grid and transformer. Through a Dyn transformer the grid sees no zero sequence current."""
    grid = Table("network.grid.", top.raw("grid", None))
    ratio = grid.number("r_to_x", 1.0, 0.0, 100.0)
    magnitude = nominal_v**2 / grid.number("short_circuit_va", 1e8, 1e3, 1e12)
    x = magnitude / math.hypot(1.0, ratio)
    z = complex(ratio * x, x)
    grid.end()
    above = tuple(z * (2 / 3 if i == j else -1 / 3) for i in range(3) for j in range(3))
    return series(balanced(_transformer_z(top, nominal_v)), above)


def _transformer_z(top: Table, nominal_v: float) -> complex:
    table = Table("network.transformer.", top.raw("transformer", None))
    base_ohm = nominal_v**2 / table.number("rated_va", 5e5, 1e3, 1e9)
    r = table.number("resistive_percent", 1.0, 0.0, 50.0) / 100
    z = table.number("impedance_percent", 4.0, 0.1, 50.0) / 100
    table.end()
    if r > z:
        raise table.error("resistive_percent", "at most impedance_percent", 100 * r)
    return complex(r, math.sqrt(z * z - r * r)) * base_ohm


def _code(table: Table) -> Code:
    r, x = (list(_matrix(table, key)) for key in ("r", "x"))
    z = [[complex(a, b) for a, b in zip(*rows, strict=True)] for rows in zip(r, x, strict=True)]
    n = _WIRES - 1
    reduced = tuple(z[i][j] - z[i][n] - z[n][j] + z[n][n] for i in range(n) for j in range(n))
    code = Code(table.text("name"), reduced, reduced[0])
    table.end()
    return code


def _matrix(table: Table, key: str) -> Iterator[list[float]]:
    rows = table.raw(key, None)
    wide = isinstance(rows, list) and len(rows) == _WIRES
    if not wide or not all(isinstance(row, list) and len(row) == _WIRES for row in rows):
        raise table.error(key, "4 rows of 4 numbers, ohm per km", rows)
    for row in rows:
        if not all(isinstance(v, float) and 0 <= v < math.inf for v in row):
            raise table.error(key, "4 rows of 4 numbers, ohm per km", row)
        yield row


def _line(table: Table, codes: dict[str, Code]) -> Line:
    code = codes[table.text("code", None, tuple(codes))]
    km = table.number("length_m", -1.0, 0.1, 10_000.0) / 1000
    line = Line(table.text("from"), table.text("to"), tuple(z * km for z in code.z))
    table.end()
    return line


def _placement(table: Table, codes: dict[str, Code]) -> tuple[tuple[str, ...], tuple[complex, ...]]:
    connections = table.raw("connections", [])
    if not isinstance(connections, list) or not connections:
        raise table.error("connections", "a list of nodes", connections)
    code = codes[table.text("service_code", None, tuple(codes))]
    lengths = table.raw("service_lengths_m", [])
    if not isinstance(lengths, list) or not lengths:
        raise table.error("service_lengths_m", "a list of lengths in m", lengths)
    service_ohm = tuple(code.loop * float(length) / 1000 for length in lengths)
    table.end()
    return tuple(map(str, connections)), service_ohm


def _check_radial(network: Network) -> None:
    """Lines lead away from the busbar, to each node once, and every connection is reached."""
    reached = {network.busbar}
    for line in network.lines:
        if line.from_node not in reached:
            raise RigConfigError(
                "network.line", "a line that starts at a node before", line.from_node
            )
        if line.to_node in reached:
            raise RigConfigError("network.line", "one way to each node", line.to_node)
        reached.add(line.to_node)
    for node in network.connections:
        if node not in reached:
            raise RigConfigError("network.placement.connections", "a node of the network", node)
