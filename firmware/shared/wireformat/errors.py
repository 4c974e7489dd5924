"""Every refusal of bytes, rooted at `WireError`: what is wrong and at which offset."""


class WireError(ValueError):
    """Bytes or values that are not of Truewatt's wire format.

    `offset` is the byte position in the input at which the fault shows, or -1 when the fault is
    in a value rather than in bytes.
    """

    def __init__(self, what: str, offset: int = -1) -> None:
        self.what = what
        self.offset = offset
        where = " at byte %d" % offset if offset >= 0 else ""
        super().__init__("%s: %s%s" % (type(self).__name__, what, where))


class CborError(WireError):
    """Not the deterministic CBOR subset (RFC 8949 section 4.2.1)."""


class Truncated(CborError):
    """The input ends inside an item."""


class TrailingBytes(CborError):
    """Bytes follow the one item that the input may hold."""


class NotDeterministic(CborError):
    """A longer form than needed, an indefinite length, unsorted or duplicate map keys."""


class UnsupportedItem(CborError):
    """A float, a simple value, a foreign tag, or a Python type outside the subset."""


class BadText(CborError):
    """A text string that is not UTF-8."""


class TooDeep(CborError):
    """Nesting beyond 8 levels."""


class TooLong(CborError):
    """Longer than the cap that the reader set before parsing."""


class CoseError(WireError):
    """Not the COSE_Sign1 envelope that this project uses (RFC 9052 section 4.2)."""


class RecordError(WireError):
    """A record whose fields do not fit its schema."""


class UnknownType(RecordError):
    """A record type code or name that this version does not know."""
