"""Type code <-> record class, and the two ways through them: open signed bytes, seal a record."""

from wireformat import cose
from wireformat.chained import Event, Feeder, Outcome, Reading
from wireformat.control import Ack, Beacon, Certificate, Command, Enrolment
from wireformat.errors import RecordError, UnknownType
from wireformat.release import Release
from wireformat.schema import MAX_RECORD_BYTES as MAX_RECORD_BYTES
from wireformat.schema import Record
from wireformat.unchained import GroupShed, Live, Quality

_ALL = (
    Reading,
    Quality,
    Live,
    Feeder,
    Event,
    Command,
    Outcome,
    Ack,
    Beacon,
    Certificate,
    Enrolment,
    GroupShed,
    Release,
)
BY_CODE = {cls.CODE: cls for cls in _ALL}
BY_NAME = {cls.TYPE: cls for cls in _ALL}
CHAINED_CODES = tuple(cls.CODE for cls in _ALL if cls.CHAINED)


class Opened:
    """A signed record taken apart. Until the signature is checked it proves nothing."""

    def __init__(self, record: Record, envelope: cose.Envelope, to_be_signed: bytes) -> None:
        self.record = record
        self.kid = envelope.kid
        self.signature = envelope.signature
        self.to_be_signed = to_be_signed


def open_signed(code: int, data: bytes, chain_id: str) -> Opened:
    """Parse `data` as a signed record of type `code` on chain `chain_id`.

    Raises `UnknownType`, or another `WireError` for bytes that are not such a record.
    """
    cls = BY_CODE.get(code)
    if cls is None:
        raise UnknownType("record type code %d" % code)
    if len(data) > MAX_RECORD_BYTES:
        raise RecordError("%d bytes, at most %d" % (len(data), MAX_RECORD_BYTES), MAX_RECORD_BYTES)
    envelope = cose.split(data, MAX_RECORD_BYTES)
    record: Record = cls.from_payload(envelope.payload)
    aad = cose.external_aad(cls.TYPE, chain_id)
    return Opened(record, envelope, envelope.to_be_signed(aad))
