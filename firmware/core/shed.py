"""Code that only a start needs leaves the heap: a board that starts again is reset.

Only its class holds a method, and only `sys.modules` and its package hold a module; who is at work
in one keeps it. None takes a method's place, because MicroPython keeps what was deleted in its slot
(py/map.c). A test holds what stays to naming nothing that leaves.
"""

import sys

from core.bucket import TokenBucket
from core.certificates import Certificates
from core.chain import Chain
from core.clock import Clock
from core.commands import Commands
from core.comms import CommsWatch
from core.events import EventQueue
from core.gate import Gate
from core.identity import Identity
from core.life import Life
from core.liveness import Liveness
from core.node import Node
from core.nvs import Store
from core.relays import Relay
from crypto import ed25519
from crypto.ed25519 import SigningKey
from journal.journal import Journal
from links.inbox import Inbox
from metering.channel import ChannelMeter
from metering.energy import EnergyRegister
from metering.poller import Poller
from metering.recorder import Recorder
from wireformat.control import Enrolment

MADE_ONCE = (
    TokenBucket,
    Certificates,
    Chain,
    ChannelMeter,
    Clock,
    Commands,
    CommsWatch,
    EnergyRegister,
    EventQueue,
    Gate,
    Identity,
    Inbox,
    Journal,
    Life,
    Liveness,
    Node,
    Poller,
    Recorder,
    Relay,
    SigningKey,
    Store,
)
"""Their objects are made at a start and never again."""

_MODULES = ("board", "core.shed")


def shed(node: object) -> None:
    """Forget what `node`, which has started, needs no more."""
    made = [node.poller.channels[0], node.poller.channels[0].sensor, node.poller.channels[0].energy]
    for kind in MADE_ONCE + tuple(type(thing) for thing in made + node.assets + [node]):
        _forget(kind)
    Chain.start = Chain._begin_epoch = Chain.newest = None
    Clock.not_before = None
    Commands.finish_pending = Commands._still_so = Commands._has_outcome = None
    Journal.recover = Journal._scan = Journal.records = None
    _shed_node()
    name = "drivers." + node.config.metering.driver
    _forget(__import__(name, None, None, ("make",)))
    Node._links = Node._make_chain = Node._make_metering = Node._start_up = None
    Poller.restore = None
    # The key was made; what is verified and signed from here on is so in slices.
    ed25519.public_key = ed25519.public_key_steps = ed25519._public_key_steps = None
    ed25519._find_public_key_steps = ed25519._load_seed = ed25519._drain = None
    ed25519.sign = ed25519.sign_steps = ed25519.verify = None
    Enrolment.FIELDS = None
    Relay.watch = None
    ChannelMeter.at_least = EnergyRegister.take_saved = EnergyRegister.at_least = None
    node.board = node.config.channels = node.config.relays = node.config.metering = None
    if node.config.bus is not None:
        _shed_bus()
    if "links.serial_port" in sys.modules:
        _shed_serial_port()
    for name in _MODULES:
        unload(name)


def _shed_node() -> None:
    from core import node

    node._sg_ready = node._net_channel = node._overwrite_stack = None


def _shed_bus() -> None:
    from links import bus
    from links.modbus_frames import FrameFinder
    from links.modbus_rtu import ModbusRtuLink
    from links.modbus_server import ModbusServer
    from links.registers import Registers

    bus.bus_link = None
    for kind in (FrameFinder, ModbusRtuLink, ModbusServer, Registers):
        _forget(kind)


def _shed_serial_port() -> None:
    from links.serial_port import SerialPort

    _forget(SerialPort)


def _forget(kind: object) -> None:
    """The way to make another object of `kind`, and to find out at the start what it measures."""
    for name in ("__init__", "energy_register", "make"):
        if hasattr(kind, name):
            setattr(kind, name, None)


def unload(name: str) -> None:
    """Take a module out of the heap that nothing which stays needs.

    It is emptied as well: the collector takes any word for a pointer, and one left on the C stack
    below the event loop would hold the whole module for as long as the board runs.
    """
    package, _, last = name.rpartition(".")
    module = sys.modules.pop(name)
    if package:
        delattr(sys.modules[package], last)
    module.__dict__.clear()
