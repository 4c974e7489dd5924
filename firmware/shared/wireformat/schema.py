"""How a record is checked, both before it is written and after it is read.

A record class lists `FIELDS`: (key, name, kind, optional). A kind is one of the small checkers
below. Maps are closed: an unknown key is refused, so that no two readers differ on a record.
"""

from wireformat import cbor, cose, identity
from wireformat.errors import BadText, RecordError

U8, U16, U32 = 0xFF, 0xFFFF, 0xFFFFFFFF
U48 = (1 << 48) - 1

MAX_RECORD_BYTES = 240
"""A signed record fits one Modbus read, one ESP-NOW frame, one BLE notification."""

MAX_PAYLOAD_BYTES = MAX_RECORD_BYTES - cose.OVERHEAD_BYTES


class Uint:
    """An unsigned integer up to `high`."""

    low = 0

    def __init__(self, high: int = U32) -> None:
        self.high = high

    def fault(self, value: object) -> str:
        """Why `value` does not fit, or an empty string."""
        # A bool is an int to CPython, but neither to MicroPython nor to CBOR.
        if not isinstance(value, int) or isinstance(value, bool):
            return "is no integer"
        return "" if 0 <= value <= self.high else "is outside 0..%d" % self.high


class Sint:
    """A signed integer of magnitude up to `high`."""

    def __init__(self, high: int) -> None:
        self.low = -high
        self.high = high

    def fault(self, value: object) -> str:
        if not isinstance(value, int) or isinstance(value, bool):
            return "is no integer"
        return "" if self.low <= value <= self.high else "is outside +-%d" % self.high


class Bytes:
    """A byte string of exactly `size` bytes, or of `least` to `size` bytes."""

    def __init__(self, size: int, least: int = -1) -> None:
        self.size = size
        self.least = size if least < 0 else least

    def fault(self, value: object) -> str:
        if not isinstance(value, bytes):
            return "is no byte string"
        return "" if self.least <= len(value) <= self.size else "has %d bytes" % len(value)


class Text:
    """UTF-8 text of 1 to `size` bytes."""

    def __init__(self, size: int) -> None:
        self.size = size

    def fault(self, value: object) -> str:
        if not isinstance(value, str):
            return "is no text"
        try:
            size = len(cbor.utf8_bytes(value))
        except BadText as bad:
            return bad.what
        return "" if 1 <= size <= self.size else "is empty or too long"


class Row:
    """A fixed row of integer kinds, encoded as an array."""

    def __init__(self, *kinds: "Uint | Sint") -> None:
        self.kinds = kinds
        self.bounds = [(kind.low, kind.high) for kind in kinds]

    def fault(self, value: object) -> str:
        if not isinstance(value, (list, tuple)) or len(value) != len(self.kinds):
            return "is no row of %d" % len(self.kinds)
        index = 0
        for low, high in self.bounds:
            item = value[index]
            if type(item) is not int or not low <= item <= high:
                fault = self.kinds[index].fault(item)
                if fault:
                    return "[%d] %s" % (index, fault)
            index += 1
        return ""


class Many:
    """`least` to `most` items of one kind, encoded as an array."""

    def __init__(self, kind: object, least: int, most: int) -> None:
        self.kind = kind
        self.least = least
        self.most = most

    def fault(self, value: object) -> str:
        if not isinstance(value, (list, tuple)) or not self.least <= len(value) <= self.most:
            return "is no list of %d..%d" % (self.least, self.most)
        for index in range(len(value)):
            fault: str = self.kind.fault(value[index])  # type: ignore[attr-defined]
            if fault:
                return "[%d] %s" % (index, fault)
        return ""


class Record:
    """Base of all records: keyword construction, checked; integer-keyed CBOR payload."""

    TYPE = ""
    CODE = 0
    CHAINED = False
    FIELDS: tuple[tuple[int, str, object, bool], ...] = ()

    def __init__(self, **values: object) -> None:
        for _, name, kind, optional in self.FIELDS:
            value = values.pop(name, None)
            if value is None and optional:
                setattr(self, name, None)
                continue
            fault = kind.fault(value)  # type: ignore[attr-defined]
            if fault:
                raise RecordError("%s.%s %s" % (self.TYPE, name, fault))
            setattr(self, name, value)
        if values:
            raise RecordError("%s has no field %s" % (self.TYPE, sorted(values)[0]))

    def payload(self) -> bytes:
        """The record's deterministic CBOR map."""
        # FIELDS is in ascending order of keys below 24: no dict to build, nothing to sort.
        out = bytearray(1)
        count = 0
        for key, name, _, _ in self.FIELDS:
            value = getattr(self, name)
            if value is not None:
                out.append(key)
                cbor.put(out, value, 1)
                count += 1
        out[0] = cbor.MAP << 5 | count
        return bytes(out)

    @classmethod
    def from_payload(cls, data: bytes):  # type: ignore[no-untyped-def]
        """Read a payload; the bytes of a signed record, never a re-encoding of them."""
        pairs = cbor.decode(data, MAX_PAYLOAD_BYTES)
        if not isinstance(pairs, dict):
            raise RecordError("%s payload is no map" % cls.TYPE, 0)
        record = object.__new__(cls)
        for key, name, kind, optional in cls.FIELDS:
            if key in pairs:
                value = pairs.pop(key)
                # A null is no way to leave a field out: each record has one encoding.
                fault = kind.fault(value)  # type: ignore[attr-defined]
                if fault:
                    raise RecordError("%s.%s %s" % (cls.TYPE, name, fault))
                setattr(record, name, value)
            elif optional:
                setattr(record, name, None)
            else:
                raise RecordError("%s.%s is missing" % (cls.TYPE, name))
        if pairs:
            raise RecordError("%s has no key %r" % (cls.TYPE, sorted(pairs, key=repr)[0]))
        return record

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and (self.CODE, self.payload()) == (
            other.CODE,
            other.payload(),
        )

    def __hash__(self) -> int:
        return hash(self.payload())

    def __repr__(self) -> str:
        shown = ["%s=%r" % (name, getattr(self, name)) for _, name, _, _ in self.FIELDS]
        return "%s(%s)" % (type(self).__name__, ", ".join(shown))


class Unsigned:
    """A record on its way to a signature: `to_be_signed`, then `with_signature`.

    Raises `RecordError` when the signed record would be longer than `MAX_RECORD_BYTES`.
    """

    def __init__(self, record: Record, public_key: bytes, chain_id: str) -> None:
        self.payload = record.payload()
        if len(self.payload) > MAX_PAYLOAD_BYTES:
            # Nobody would take it: better no signature than a chain that can't be collected.
            size = len(self.payload) + cose.OVERHEAD_BYTES
            raise RecordError(
                "%s would have %d bytes, at most %d: split it"
                % (record.TYPE, size, MAX_RECORD_BYTES)
            )
        self.protected = cose.protected_header(identity.kid(public_key))
        aad = cose.external_aad(record.TYPE, chain_id)
        self.to_be_signed = cose.to_be_signed(self.protected, aad, self.payload)

    def with_signature(self, signature: bytes) -> bytes:
        """The signed record's bytes."""
        return cose.assemble(self.protected, self.payload, signature)
