"""An RS-485 multi-drop bus between pseudo-terminals: half duplex, everybody hears everybody else.

Unpaced, bytes arrive at once: many times faster than a real bus, for runs at high speed. Paced, a
byte takes 10 bits (8N1) of simulated time, two who talk at once garble each other, and a receiver
that does not read loses what its 256-byte buffer cannot take, as an ESP32's UART does.
"""

import asyncio
from dataclasses import dataclass, field
from random import Random

from ledger.clock import Clock
from truewatt.emulator.wires.noise import LineNoise
from truewatt.emulator.wires.tty import Tty

_BITS_PER_CHAR = 10
_FRAME_GAP_CHARS = 3.5
_RECEIVE_BUFFER_BYTES = 256
_HALF_TICK_S = 0.000_5


@dataclass
class Disturbance:
    """What can be wrong with a bus. `cut`: the cable is; `cut_nodes`: single drops are."""

    noise_bit_error: float = 0.0
    loss: float = 0.0
    delay_ms: float = 0.0
    cut: bool = False
    cut_nodes: set[str] = field(default_factory=set)


@dataclass
class Counters:
    """What happened so far, for status.

    `wire_s`: bytes were on the line; `answering_s`: it was silent before others than the master
    spoke; `asking_s`: before the master did.
    """

    frames: int = 0
    bytes: int = 0
    bytes_disturbed: int = 0
    collisions: int = 0
    overruns: int = 0
    wire_s: float = 0.0
    answering_s: float = 0.0
    asking_s: float = 0.0


@dataclass
class _Flight:
    """Bytes under way: on the wire from `start_s` to `end_s`, delivered at `due_s`."""

    node: "Node"
    data: bytes
    start_s: float
    end_s: float
    due_s: float


class Node:
    """One transceiver."""

    def __init__(self, name: str, line: Tty, seed: str) -> None:
        self.name = name
        self.line = line
        self.noise = LineNoise(seed)
        self.busy_until_s = 0.0
        self.is_master = False


class Rs485Bus:
    """Pump bytes between the nodes of one bus. Times are simulated seconds."""

    def __init__(self, name: str, baud: int, paced: bool, seed: int, clock: Clock) -> None:
        self.name = name
        self.baud = baud
        self.paced = paced
        self.disturbance = Disturbance()
        self.counters = Counters()
        self.nodes: dict[str, Node] = {}
        self._clock = clock
        self._seed = f"{seed}/{name}"
        self._garble = Random(f"{self._seed}/collisions")
        self._char_s = _BITS_PER_CHAR / baud
        self._last_talker: Node | None = None
        self._last_s = 0.0
        self._flights: list[_Flight] = []
        self._quiet_s: float | None = None

    def attach(self, name: str, line: Tty) -> None:
        """Put a transceiver on the bus; needs a running event loop."""
        node = Node(name, line, f"{self._seed}/{name}")
        node.noise.set(self.disturbance.noise_bit_error, self.disturbance.loss)
        # The first on a line is who asks there.
        node.is_master = not self.nodes
        self.nodes[name] = node
        asyncio.get_running_loop().add_reader(line.fd, self._on_readable, node)

    def detach_all(self) -> None:
        """Stop pumping."""
        for node in self.nodes.values():
            asyncio.get_running_loop().remove_reader(node.line.fd)

    def disturb(self, disturbance: Disturbance) -> None:
        """Replace what is wrong with the bus."""
        self.disturbance = disturbance
        for node in self.nodes.values():
            node.noise.set(disturbance.noise_bit_error, disturbance.loss)

    def _on_readable(self, node: Node) -> None:
        data = node.line.read()
        if data:
            self._talk(node, data, self._clock.mono_ns() / 1e9)

    def _talk(self, node: Node, data: bytes, now_s: float) -> None:
        gap_s = _FRAME_GAP_CHARS * self._char_s
        if node is not self._last_talker or now_s - self._last_s > gap_s:
            node.noise.begin_frame()
            self.counters.frames += 1
        self._last_talker, self._last_s = node, now_s
        self.counters.bytes += len(data)
        heard = node.noise.disturb(data)
        if heard != data:
            self.counters.bytes_disturbed += len(data)
        start_s = max(now_s, node.busy_until_s) if self.paced else now_s
        end_s = start_s + len(data) * self._char_s if self.paced else now_s
        self._account(node, start_s, end_s)
        node.busy_until_s = end_s
        due_s = end_s + self.disturbance.delay_ms / 1000
        flight = _Flight(node, heard, start_s, end_s, due_s)
        if self.paced:
            self._collide(flight)
        self._send_off(flight, now_s)

    def _account(self, node: Node, start_s: float, end_s: float) -> None:
        silent_s = 0.0 if self._quiet_s is None else max(0.0, start_s - self._quiet_s)
        if node.is_master:
            self.counters.asking_s += silent_s
        else:
            self.counters.answering_s += silent_s
        self.counters.wire_s += end_s - start_s
        self._quiet_s = max(end_s, self._quiet_s or end_s)

    def _collide(self, flight: _Flight) -> None:
        """Garble whoever is on the wire at the same time, both ways."""
        for other in self._flights:
            overlaps = other.start_s < flight.end_s and flight.start_s < other.end_s
            if other.node is not flight.node and overlaps:
                self.counters.collisions += 1
                other.data = self._garbled(other.data)
                flight.data = self._garbled(flight.data)

    def _garbled(self, data: bytes) -> bytes:
        return bytes(byte ^ self._garble.randrange(1, 256) for byte in data)

    def _send_off(self, flight: _Flight, now_s: float) -> None:
        if flight.due_s <= now_s and not self._flights:
            self._deliver(flight)
            return
        self._flights.append(flight)
        # The event loop rounds up to whole milliseconds: this makes it round to the nearest.
        wait_s = self._clock.wall(flight.due_s - now_s) - _HALF_TICK_S
        asyncio.get_running_loop().call_later(wait_s, self._arrive, flight)

    def _arrive(self, flight: _Flight) -> None:
        self._flights.remove(flight)
        self._deliver(flight)

    def _deliver(self, flight: _Flight) -> None:
        cut = self.disturbance.cut_nodes
        if self.disturbance.cut or not flight.data or flight.node.name in cut:
            return
        for node in self.nodes.values():
            if node is not flight.node and node.name not in cut:
                self._receive(node, flight.data)

    def _receive(self, node: Node, data: bytes) -> None:
        if self.paced:
            room = max(0, _RECEIVE_BUFFER_BYTES - node.line.unread())
            if room < len(data):
                self.counters.overruns += 1
                data = data[:room]
        node.line.write(data)
