"""Whole frames of a model, checksum or head included: what is asked on its line, and the answer.

They come from the profile for the state that `sample` gives. `gateway/tests/profiles/frames.json`
holds those of all models, so that nothing that changes what is on a line goes unseen.
"""

import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pymodbus.framer.rtu import FramerRTU

from gateway.profiles.codec import encode
from gateway.profiles.plan import Block, plan
from gateway.profiles.profile import Profile
from gateway.profiles.sample import sample

_REQUEST = struct.Struct(">BHH")
_MBAP = struct.Struct(">HHHB")
"""Transaction, protocol (0), bytes that follow, unit: Modbus on TCP/IP V1.0b, section 3.1.3."""


@dataclass(frozen=True)
class Exchange:
    """One read: both frames as they are on the wire."""

    request: bytes
    reply: bytes


def frames(profile: Profile, address: int = 1) -> tuple[Exchange, ...]:
    """The reads of the whole plan, in its order, of a meter at `address` that shows `sample`."""
    words = encode(profile, sample(profile))
    return tuple(
        Exchange(
            _framed(profile, address, number, _request(profile, block)),
            _framed(profile, address, number, _reply(profile, block, words)),
        )
        for number, block in enumerate(plan(profile), 1)
    )


def rtu(address: int, pdu: bytes) -> bytes:
    """A frame of Modbus RTU: the CRC's low byte goes first (serial-line guide V1.02, 6.2.2)."""
    frame = bytes((address,)) + pdu
    # It comes in the order of the wire.
    return frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big")


def as_json(exchanges: Mapping[str, Iterable[Exchange]]) -> str:
    """Requests and replies in hex, by name."""
    rows = {
        name: [[each.request.hex(), each.reply.hex()] for each in row]
        for name, row in sorted(exchanges.items())
    }
    return json.dumps(rows, indent=1) + "\n"


def _request(profile: Profile, block: Block) -> bytes:
    return _REQUEST.pack(profile.function, block.first, block.count)


def _reply(profile: Profile, block: Block, words: dict[int, int]) -> bytes:
    """Words in holes are 0."""
    row = [words.get(at, 0) for at in range(block.first, block.last + 1)]
    return bytes((profile.function, 2 * block.count)) + struct.pack(f">{block.count}H", *row)


def _framed(profile: Profile, address: int, number: int, pdu: bytes) -> bytes:
    if profile.transport == "tcp":
        return _MBAP.pack(number, 0, 1 + len(pdu), address) + pdu
    return rtu(address, pdu)
