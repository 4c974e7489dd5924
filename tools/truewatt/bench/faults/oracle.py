"""An account of every signed record, kept by the side that signed it: what must be found again.

It knows nothing of the gateway but its signed acks, and believes the store for its bytes alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, fields

from nacl.signing import SigningKey

from ledger.tx import signature_holds
from truewatt.bench import _ingest_load as load
from wireformat import identity
from wireformat.chained import Reading
from wireformat.control import Ack
from wireformat.errors import WireError
from wireformat.registry import open_signed

CHAIN = load.CHAIN

FORGED_SHARE = 0.03
"""Of what is offered, what nobody signed: a record with a bit flipped somewhere."""

Place = tuple[int, int]
Row = tuple[bytes, int, int, int, bytes]
"""(device, epoch, seq, type code, bytes), as a store or a ledger holds a record."""


class Device:
    """A board's journal: every record it ever signed, and how far the gateway's acks go."""

    def __init__(self, number: int) -> None:
        self._signer = load.Signer(number)
        self.address = self._signer.address
        self.public_key = self._signer.public_key
        self.journal: list[bytes] = []
        self.acked = -1
        """The last seq that a genuine ack covers."""

    @property
    def key(self) -> SigningKey:
        """Its signing key."""
        return self._signer.key

    def sign(self) -> bytes:
        """Its next reading; the journal keeps it."""
        data = self._signer.next()
        self.journal.append(data)
        return data

    def take_ack(self, data: bytes, gateway_key: bytes) -> bool:
        """Believe an ack as a board does; False for one that is not for this chain of records."""
        try:
            opened = open_signed(Ack.CODE, data, CHAIN)
        except WireError:
            return False
        ack = opened.record
        assert isinstance(ack, Ack)
        genuine = signature_holds(gateway_key, opened.to_be_signed, opened.signature)
        mine = ack.device == self.address and ack.epoch == 1 and ack.seq < len(self.journal)
        if not genuine or not mine or identity.record_hash(self.journal[ack.seq]) != ack.head:
            return False
        self.acked = max(self.acked, ack.seq)
        return True


def forgery(data: bytes, rng: random.Random) -> bytes:
    """A record, but for one bit: its values, its place, or its signature."""
    forged = bytearray(data)
    forged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(forged)


@dataclass
class Verdict:
    """What a comparison found wrong. All must be 0."""

    lost: int = 0
    """Acked, and not held."""
    duplicated: int = 0
    """Held more than once."""
    misattributed: int = 0
    """Held for another board, or at another place, than the one that signed it."""
    unsigned: int = 0
    """Held though nobody signed it."""
    expired: int = 0
    """Commands that were run although their time was over."""
    broken: int = 0
    """Other promises: a hole in a chain, an unsound file, a head that is not the chain's end."""

    def __iadd__(self, other: Verdict) -> Verdict:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))
        return self

    @property
    def clean(self) -> bool:
        """Whether every promise was kept."""
        return not any(getattr(self, field.name) for field in fields(self))


def compare(devices: Iterable[Device], rows: Iterable[Row], acked: dict[bytes, int]) -> Verdict:
    """Hold what was kept against what was signed; `acked`: the last acked seq by device."""
    verdict = Verdict()
    signed = {device.address: device.journal for device in devices}
    owners: dict[bytes, bytes] | None = None
    held: dict[bytes, set[int]] = {address: set() for address in signed}
    for address, epoch, seq, code, data in rows:
        journal = signed.get(address, [])
        if epoch != 1 or code != Reading.CODE or seq >= len(journal) or journal[seq] != data:
            owners = owners or {d: a for a, records in signed.items() for d in records}
            verdict.misattributed += data in owners
            verdict.unsigned += data not in owners
        elif seq in held[address]:
            verdict.duplicated += 1
        else:
            held[address].add(seq)
    for address, seqs in held.items():
        upto = acked.get(address, -1)
        verdict.lost += sum(seq not in seqs for seq in range(upto + 1))
        # What is held beyond the acked must follow without a hole, or the chain is broken.
        verdict.broken += bool(seqs) and max(seqs) + 1 != len(seqs) and not verdict.lost
    return verdict
