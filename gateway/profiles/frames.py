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
from gateway.profiles.words import words_from

_READ_HOLDING, _WRITE_MULTIPLE = 3, 16
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


def settings(profile: Profile, address: int = 1) -> tuple[Exchange, ...]:
    """What sets a device to what holds when nobody commands it: each write, its default read back.

    Empty if the profile lets nothing be written.
    """
    rows = [(setup.address, [setup.value]) for setup in profile.setups]
    if profile.failsafe is not None:
        safe = profile.failsafe
        rows += [(safe.value_address, [safe.value]), (safe.timeout_address, [safe.timeout_ms])]
    made = [_written(address, at, words) for at, words in rows]
    for write in profile.writes:
        words = words_from(write.default, write.words, profile.word_order, profile.byte_order)
        made.append(_written(address, write.address, words))
        read = _REQUEST.pack(_READ_HOLDING, write.address, write.words)
        reply = bytes((_READ_HOLDING, 2 * write.words)) + _packed(words)
        made.append(Exchange(rtu(address, read), rtu(address, reply)))
    return tuple(made)


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
    return bytes((profile.function, 2 * block.count)) + _packed(row)


def _written(address: int, first: int, words: list[int]) -> Exchange:
    head = _REQUEST.pack(_WRITE_MULTIPLE, first, len(words))
    request = head + bytes((2 * len(words),)) + _packed(words)
    return Exchange(rtu(address, request), rtu(address, head))


def _packed(words: list[int]) -> bytes:
    return struct.pack(f">{len(words)}H", *words)


def _framed(profile: Profile, address: int, number: int, pdu: bytes) -> bytes:
    if profile.transport == "tcp":
        return _MBAP.pack(number, 0, 1 + len(pdu), address) + pdu
    return rtu(address, pdu)
