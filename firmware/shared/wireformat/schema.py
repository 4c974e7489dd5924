"""How a record is checked, both before it is written and after it is read.

A record class lists `FIELDS`: (key, name, kind, optional). A kind is one of the small checkers
below. Maps are closed: an unknown key is refused, so that no two readers differ on a record.
"""

from wireformat import cbor, cose, identity
from wireformat.errors import RecordError

U8, U16, U32 = 0xFF, 0xFFFF, 0xFFFFFFFF
U48 = (1 << 48) - 1


class Uint:
    """An unsigned integer up to `high`."""

    def __init__(self, high: int = U32) -> None:
        self.high = high

    def fault(self, value: object) -> str:
        """Why `value` does not fit, or an empty string."""
        if isinstance(value, bool) or not isinstance(value, int):
            return "is no integer"
        return "" if 0 <= value <= self.high else "is outside 0..%d" % self.high


class Sint:
    """A signed integer of magnitude up to `high`."""

    def __init__(self, high: int) -> None:
        self.high = high

    def fault(self, value: object) -> str:
        if isinstance(value, bool) or not isinstance(value, int):
            return "is no integer"
        return "" if -self.high <= value <= self.high else "is outside +-%d" % self.high


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
        return "" if 1 <= len(value.encode()) <= self.size else "is empty or too long"


class Row:
    """A fixed row of kinds, encoded as an array."""

    def __init__(self, *kinds: object) -> None:
        self.kinds = kinds

    def fault(self, value: object) -> str:
        if not isinstance(value, (list, tuple)) or len(value) != len(self.kinds):
            return "is no row of %d" % len(self.kinds)
        for index in range(len(self.kinds)):
            fault: str = self.kinds[index].fault(value[index])  # type: ignore[attr-defined]
            if fault:
                return "[%d] %s" % (index, fault)
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
        pairs = {}
        for key, name, _, _ in self.FIELDS:
            value = getattr(self, name)
            if value is not None:
                pairs[key] = value
        return cbor.encode(pairs)

    @classmethod
    def from_payload(cls, data: bytes):  # type: ignore[no-untyped-def]
        """Read a payload; the bytes of a signed record, never a re-encoding of them."""
        pairs = cbor.decode(data, 1024)
        if not isinstance(pairs, dict):
            raise RecordError("%s payload is no map" % cls.TYPE, 0)
        values = {}
        for key, name, _, _ in cls.FIELDS:
            if key in pairs:
                values[name] = pairs.pop(key)
        if pairs:
            raise RecordError("%s has no key %r" % (cls.TYPE, sorted(pairs, key=repr)[0]))
        return cls(**values)

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
    """A record on its way to a signature: `to_be_signed`, then `with_signature`."""

    def __init__(self, record: Record, public_key: bytes, chain_id: str) -> None:
        self.payload = record.payload()
        self.protected = cose.protected_header(identity.kid(public_key))
        aad = cose.external_aad(record.TYPE, chain_id)
        self.to_be_signed = cose.to_be_signed(self.protected, aad, self.payload)

    def with_signature(self, signature: bytes) -> bytes:
        """The signed record's bytes."""
        return cose.assemble(self.protected, self.payload, signature)
