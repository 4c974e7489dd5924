"""What happens to a complete frame from a link: cheap checks, then curve work, then the effect.

Every check that needs no curve arithmetic comes first, and a token bucket stands before the
arithmetic, so that junk on a bus costs little. Commands have half of it. What comes with a
ticket needs none: so the forged can't use up what the genuine need (ADR 163).
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
NONCES = 2
NONCE_LIFE_MS = 120000
"""A beacon that was held back for longer than this says too little about the time."""


class Gate:
    """Frames of all links of a board; `admit`, then `finish` give the codes.R_* of each."""

    def __init__(self, owner: object, certificates: object, chain: object, clock: object) -> None:
        self._owner = owner
        self._certificates = certificates
        self._chain = chain
        self._clock = clock
        self.commands: object = None
        self.node: object = None
        self.comms: object = None
        self._nonces = []
        # The last ticket that was shown.
        self._ticket: object = None
        self._rules = {
            Ack.CODE: (Ack, codes.ACK, self._ack_fault, self._ack),
            Beacon.CODE: (Beacon, codes.ACK, self._beacon_fault, self._beacon),
            Command.CODE: (Command, codes.CONTROL, self._command_fault, self._command),
            Certificate.CODE: (Certificate, None, certificates.fault, self._certificate),
        }

    def new_nonce(self) -> bytes:
        """One for each reader: a beacon that answers it is no older than this moment.

        If reading again made an old nonce young, who holds a beacon back could set the clock back.
        """
        nonce = os.urandom(NONCE_BYTES)
        self._nonces.insert(0, (nonce, self._clock.up_ms()))
        self._nonces[NONCES:] = []
        return nonce

    def _nonce_age_ms(self, nonce: bytes) -> "int | None":
        """How long ago a nonce was read; None if it is not, or no longer, good."""
        for known, read_ms in self._nonces:
            age_ms = self._clock.up_ms() - read_ms
            if known == nonce and age_ms <= NONCE_LIFE_MS:
                return age_ms
        return None

    def redeem(self, ticket: bytes) -> bool:
        """Whether `ticket` comes next or soon after; it is used up by that."""
        before = ticket
        for _ in range(codes.TICKETS_AHEAD):
            before = identity.prev_hash(before)
            if before == self._ticket:
                self._ticket = ticket
                return True
        return False

    def admit(self, code: int, data: bytes, bucket: object) -> "tuple[int, tuple | None]":
        """(why a frame is not worth its curve work or R_NONE, what `finish` takes).

        `bucket` is None for what came with a ticket.
        """
        if code not in self._rules:
            wanted = code == codes.OFFER or (code == codes.PIECE and self.node and self.node.update)
            if not wanted or not self.node:
                return codes.R_MALFORMED, None
            if code == codes.OFFER and bucket and not bucket.take(self._clock.up_ms(), False):
                return codes.R_BUSY, None
            return codes.R_NONE, (code, data)
        try:
            kind, role, fault, effect = self._rules[code]
            envelope = cose.split(data, MAX_RECORD_BYTES)
            record = kind.from_payload(envelope.payload)
        except WireError:
            return codes.R_MALFORMED, None
        key, reason = self._key(role, envelope.kid)
        reason = reason or fault(record)
        if not reason and bucket:
            if not bucket.take(self._clock.up_ms(), code == Command.CODE):
                reason = codes.R_BUSY
        return reason, (kind, envelope, key, fault, effect, record)

    async def finish(self, frame: tuple, give_way: object = None) -> "int | None":
        """Check the signature of what was admitted, and do what it says.

        None, and nothing done, if `give_way()` came true during the check: then it comes again.
        """
        if len(frame) == 2:
            # Firmware: what takes it is loaded only now.
            from update import entry

            return await entry.handle(self.node, *frame)
        kind, envelope, key, fault, effect, record = frame
        message = envelope.to_be_signed(cose.external_aad(kind.TYPE, self._owner.chain_id))
        genuine = await self._owner.verify(key, message, envelope.signature, give_way)
        if not genuine:
            return None if genuine is None else codes.R_BAD_SIGNATURE
        # The event loop ran during the check: another link may have brought the same frame.
        reason = fault(record)
        if reason:
            return reason
        try:
            return await effect(record)
        except StorageError as error:
            log("gate", error)
            return codes.R_FLASH

    def _key(self, role: "int | None", kid: bytes) -> "tuple[bytes, int]":
        if role is not None:
            return self._certificates.signer(role, kid)
        if kid != self._certificates.root_kid:
            return b"", codes.R_UNKNOWN_KEY
        return self._certificates.root, codes.R_NONE

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

    # What can be said twice with one signature, an old ack or certificate, is no sign of life:
    # whoever recorded it could keep a cut-off board from its safe state.

    async def _ack(self, ack: object) -> int:
        key = (ack.epoch, ack.seq)
        if key > self._chain.journal.acked:
            self.comms.heard()
            self._chain.acknowledge(key, self._chain.journal.find(*key)[2])
        return codes.R_NONE

    # ---- time --------------------------------------------------------------------------------

    def _beacon_fault(self, beacon: object) -> int:
        if self._nonce_age_ms(beacon.nonce) is None:
            return codes.R_WRONG_NONCE
        if beacon.time_ms < EARLIEST_MS:
            return codes.R_TIME_BACKWARDS
        if beacon.time_ms >= LATEST_MS:
            return codes.R_BAD_VALUE
        # A gateway whose clock is years ahead must not take the board there: it never came back.
        late = beacon.time_ms >= 1000 * self._certificates.expires_s(codes.ACK)
        return codes.R_CERT_EXPIRED if late else codes.R_NONE

    async def _beacon(self, beacon: object) -> int:
        travel_ms = self._nonce_age_ms(beacon.nonce)
        if not self._clock.beacon(beacon.time_ms, travel_ms, self._chain.last_time_s):
            return codes.R_TIME_BACKWARDS
        self._nonces = []
        self._ticket = beacon.tickets or self._ticket
        self.comms.heard()
        return codes.R_NONE

    # ---- commands and certificates -----------------------------------------------------------

    def _command_fault(self, command: object) -> int:
        if command.target != self._owner.address:
            return codes.R_WRONG_TARGET
        return self.commands.transient_fault(command)

    async def _command(self, command: object) -> int:
        self.comms.heard()
        return await self.commands.execute(command)

    async def _certificate(self, certificate: object) -> int:
        if self._certificates.accept(certificate):
            self.comms.heard()
        return codes.R_NONE
