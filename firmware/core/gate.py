"""What happens to a complete frame from a link: cheap checks, then curve work, then the effect.

Every check that needs no curve arithmetic comes first, and a token bucket stands before the
arithmetic, so that junk on a bus costs little. The last tokens are for commands.
"""

import os

from core.clock import EARLIEST_MS, LATEST_MS
from core.errors import StorageError
from core.log import log
from journal.frames import MAX_RECORD_BYTES
from wireformat import codes, cose, identity
from wireformat.control import Ack, Beacon, Certificate, Command
from wireformat.errors import WireError

NONCE_BYTES = 8


class Gate:
    """Frames of all links of one board. `handle` gives the codes.R_* that the link reports."""

    def __init__(self, owner: object, certificates: object, chain: object, clock: object) -> None:
        self._owner = owner
        self._certificates = certificates
        self._chain = chain
        self._clock = clock
        self.commands = None
        self.comms = None
        self.nonce = os.urandom(NONCE_BYTES)
        self._nonce_read_ms = 0
        self._rules = {
            Ack.CODE: (Ack, codes.ACK, self._ack_fault, self._ack),
            Beacon.CODE: (Beacon, codes.ACK, self._beacon_fault, self._beacon),
            Command.CODE: (Command, codes.CONTROL, self._command_fault, self._command),
            Certificate.CODE: (Certificate, None, certificates.fault, self._certificate),
        }

    def nonce_was_read(self) -> None:
        """A reader took the nonce: a beacon that answers it is no older than this."""
        self._nonce_read_ms = self._clock.up_ms()

    async def handle(self, code: int, data: bytes, bucket: object) -> int:
        """Check the signed bytes `data` of type `code` and do what they say."""
        if code not in self._rules:
            return codes.R_MALFORMED
        try:
            kind, role, fault, effect = self._rules[code]
            envelope = cose.split(data, MAX_RECORD_BYTES)
            record = kind.from_payload(envelope.payload)
        except WireError:
            return codes.R_MALFORMED
        key, reason = self._key(role, envelope.kid)
        reason = reason or fault(record)
        if reason:
            return reason
        if not bucket.take(self._clock.up_ms(), code == Command.CODE):
            return codes.R_BUSY
        if not await self._authentic(kind, envelope, key):
            return codes.R_BAD_SIGNATURE
        self.comms.heard()
        return await self._apply(fault, effect, record)

    async def _authentic(self, kind: type, envelope: object, key: bytes) -> bool:
        aad = cose.external_aad(kind.TYPE, self._owner.chain_id)
        return await self._owner.verify(key, envelope.to_be_signed(aad), envelope.signature)

    def _key(self, role: "int | None", kid: bytes) -> "tuple[bytes, int]":
        if role is not None:
            return self._certificates.signer(role, kid)
        if kid != self._certificates.root_kid:
            return b"", codes.R_UNKNOWN_KEY
        return self._certificates.root, codes.R_NONE

    @staticmethod
    async def _apply(fault: object, effect: object, record: object) -> int:
        # The event loop ran during the check: another link may have brought the same frame.
        reason = fault(record)
        if reason:
            return reason
        try:
            return await effect(record)
        except StorageError as error:
            log("gate", error)
            return codes.R_FLASH

    # ---- acks --------------------------------------------------------------------------------

    def _ack_fault(self, ack: object) -> int:
        if ack.device != self._owner.address:
            return codes.R_WRONG_TARGET
        found = self._chain.journal.find(ack.epoch, ack.seq)
        if found is None or found[1] != (ack.epoch, ack.seq):
            return codes.R_NOT_IN_JOURNAL
        if identity.record_hash(found[2]) != ack.head:
            return codes.R_HEAD_MISMATCH
        return codes.R_NONE

    async def _ack(self, ack: object) -> int:
        key = (ack.epoch, ack.seq)
        if key > self._chain.journal.acked:
            self._chain.acknowledge(key, self._chain.journal.find(*key)[2])
        return codes.R_NONE

    # ---- time --------------------------------------------------------------------------------

    def _beacon_fault(self, beacon: object) -> int:
        if beacon.nonce != self.nonce:
            return codes.R_WRONG_NONCE
        if beacon.time_ms < EARLIEST_MS:
            return codes.R_TIME_BACKWARDS
        return codes.R_BAD_VALUE if beacon.time_ms >= LATEST_MS else codes.R_NONE

    async def _beacon(self, beacon: object) -> int:
        travel_ms = self._clock.up_ms() - self._nonce_read_ms
        if not self._clock.beacon(beacon.time_ms, travel_ms, self._chain.last_time_s):
            return codes.R_TIME_BACKWARDS
        self.nonce = os.urandom(NONCE_BYTES)
        return codes.R_NONE

    # ---- commands and certificates -----------------------------------------------------------

    def _command_fault(self, command: object) -> int:
        if command.target != self._owner.address:
            return codes.R_WRONG_TARGET
        return self.commands.transient_fault(command)

    async def _command(self, command: object) -> int:
        return await self.commands.execute(command)

    async def _certificate(self, certificate: object) -> int:
        self._certificates.accept(certificate)
        return codes.R_NONE
