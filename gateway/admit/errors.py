"""Every reason to refuse a record. `code` is stable: counters, reports and tests use it."""

from gateway.errors import GatewayError


class AdmissionRefused(GatewayError):
    """Base. The bytes are kept as evidence and the board keeps its record: it gets no ack."""

    code = "refused"


class Implausible(AdmissionRefused):
    """Base of the reasons that keep a record out of the accounts, but not out of its chain.

    The board did sign it, once, and in its place: to hold it back would hold back all that comes
    after it. So it is kept and acked, the ledger (which finds the same fault) does not count it,
    and the next record is held against the one before it.
    """

    code = "implausible"


class TooBig(AdmissionRefused):
    """More bytes than a signed record may have."""

    code = "too_big"
    todo = "not a Truewatt record; check what answers at this address"


class BadCbor(AdmissionRefused):
    """Not deterministic CBOR in a COSE_Sign1, or fields outside their schema."""

    code = "bad_cbor"
    todo = "check the line for noise and the board for a matching firmware version"


class WrongType(AdmissionRefused):
    """A record type that is unknown, not chained, or not this kind of board's to sign."""

    code = "wrong_type"
    todo = "check the board's role in its enrolment, and its firmware version"


class UnknownKey(AdmissionRefused):
    """Signed by a key that the registry doesn't know."""

    code = "unknown_key"
    todo = "enrol the board, or take it off the bus"


class WrongBoard(AdmissionRefused):
    """A known key, but not that of the board which was asked."""

    code = "wrong_board"
    todo = "two boards may share this address, or one replays another's records"


class NotEnrolled(AdmissionRefused):
    """The registry doesn't hold this board in this gateway's area."""

    code = "not_enrolled"
    todo = "enrol the board in this area"


class Revoked(AdmissionRefused):
    """The registry holds this board as revoked or frozen."""

    code = "revoked"
    todo = "take the board off the bus, or let the operator look at the evidence"


class Replayed(AdmissionRefused):
    """A position at or before the head that isn't the record held there."""

    code = "replayed"
    todo = "a board never repeats a position: look for a restored flash image"


class Equivocation(AdmissionRefused):
    """Two different records, both validly signed, for one position."""

    code = "equivocation"
    todo = "a clone of the key or a broken board: revoke it; both records are kept"


class Gap(AdmissionRefused):
    """Records before this one are missing and no signed gap names them."""

    code = "gap"
    todo = "the board should show them, or report their eviction by a journal-gap event"


class BrokenChain(AdmissionRefused):
    """The previous-hash isn't that of the head."""

    code = "broken_chain"
    todo = "another history was signed with this key: revoke it; the record is kept"


class BadSignature(AdmissionRefused):
    """The Ed25519 signature doesn't verify under the enrolled key."""

    code = "bad_signature"
    todo = "tampered bytes, another chain id, or a forgery"


class ClockAhead(Implausible):
    """A trusted time in the future."""

    code = "clock_ahead"
    todo = "check this gateway's time first, then the board's"


class ClockBehind(Implausible):
    """A trusted time further back than any journal reaches."""

    code = "clock_behind"
    todo = "check this gateway's time first, then the board's"


class ClockBackwards(Implausible):
    """A trusted time before that of the trusted record before it."""

    code = "clock_backwards"
    todo = "the board's clock stepped back: it should refuse such a beacon"


class WrongChannels(Implausible):
    """Another number of channels than enrolled."""

    code = "wrong_channels"
    todo = "enrol the board anew after a change of its channels"


class ImplausibleRegister(Implausible):
    """An energy register that ran backwards, or further than its line can carry."""

    code = "implausible_register"
    todo = "check the metering module and the device's max_power_w"


class ImplausiblePower(Implausible):
    """A mean or highest power above what its line can carry."""

    code = "implausible_power"
    todo = "check the metering module and the device's max_power_w"
