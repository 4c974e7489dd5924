"""What must be refused and how: written by hand, held by both Pythons.

The values (as opposed to the bytes) are Python's own, so this file runs on MicroPython too.
"""

from wireformat import cbor, cose

# name, hex, error, offset
REFUSED_CBOR = (
    ("nothing", "", "Truncated", 0),
    ("head cut", "19 01", "Truncated", 0),
    ("8-byte head cut", "1b 00000000000000", "Truncated", 0),
    ("bytes cut", "43 0102", "Truncated", 0),
    ("text cut", "62 61", "Truncated", 0),
    ("array cut", "82 01", "Truncated", 0),
    ("array cut in its last item", "82 01 19 01", "Truncated", 2),
    ("nested array cut", "81 81", "Truncated", 1),
    ("map cut", "a1 01", "Truncated", 0),
    ("map cut in its value", "a1 01 42 00", "Truncated", 2),
    ("tag without item", "d2", "Truncated", 1),
    ("array of 2**32-1 items", "9a ffffffff 00", "Truncated", 0),
    ("array of 2**64-1 items", "9b ffffffffffffffff 00", "Truncated", 0),
    ("map of 2**64-1 pairs", "bb ffffffffffffffff 00", "Truncated", 0),
    ("bytes of 2**64-1", "5b ffffffffffffffff 00", "Truncated", 0),
    ("two items", "00 00", "TrailingBytes", 1),
    ("array and more", "81 01 f6", "TrailingBytes", 2),
    ("integer in 1 byte too many", "18 17", "NotDeterministic", 0),
    ("integer in 2 bytes", "19 00ff", "NotDeterministic", 0),
    ("integer in 4 bytes", "1a 0000ffff", "NotDeterministic", 0),
    ("integer in 8 bytes", "1b 00000000ffffffff", "NotDeterministic", 0),
    ("negative in 1 byte too many", "38 17", "NotDeterministic", 0),
    ("length in 1 byte too many", "58 01 00", "NotDeterministic", 0),
    ("count in 1 byte too many", "98 01 00", "NotDeterministic", 0),
    ("pairs in 1 byte too many", "b8 01 00 00", "NotDeterministic", 0),
    ("tag in 2 bytes", "d9 0012 00", "NotDeterministic", 0),
    ("bytes without end", "5f 41 00 ff", "NotDeterministic", 0),
    ("text without end", "7f 61 61 ff", "NotDeterministic", 0),
    ("array without end", "82 01 9f 01 ff", "NotDeterministic", 2),
    ("map without end", "bf 01 02 ff", "NotDeterministic", 0),
    ("integer without end", "1f", "NotDeterministic", 0),
    ("key repeated", "a2 01 00 01 00", "NotDeterministic", 3),
    ("text key repeated", "a2 6161 00 6161 00", "NotDeterministic", 4),
    ("keys unsorted", "a2 02 00 01 00", "NotDeterministic", 3),
    ("keys of two heads unsorted", "a2 1818 00 01 00", "NotDeterministic", 4),
    ("negative key before positive", "a2 20 00 01 00", "NotDeterministic", 3),
    ("text keys unsorted", "a2 6162 00 6161 00", "NotDeterministic", 4),
    ("longer text key first", "a2 626161 00 6162 00", "NotDeterministic", 5),
    ("key that is a list", "a1 80 00", "UnsupportedItem", 1),
    ("key that is true", "a1 f5 00", "UnsupportedItem", 1),
    ("key that is tagged", "a1 d2 00 00", "UnsupportedItem", 1),
    ("half float", "f9 3c00", "UnsupportedItem", 0),
    ("float", "fa 47c35000", "UnsupportedItem", 0),
    ("double", "fb 3ff199999999999a", "UnsupportedItem", 0),
    ("undefined", "f7", "UnsupportedItem", 0),
    ("simple 16", "f0", "UnsupportedItem", 0),
    ("simple 255", "f8 ff", "UnsupportedItem", 0),
    ("false in two bytes", "f8 14", "UnsupportedItem", 0),
    ("break", "ff", "UnsupportedItem", 0),
    ("bignum", "c2 49 010000000000000000", "UnsupportedItem", 0),
    ("tag 17", "d1 00", "UnsupportedItem", 0),
    ("tag 24", "d818 41 00", "UnsupportedItem", 0),
    ("tag 2**64-1", "db ffffffffffffffff 00", "UnsupportedItem", 0),
    ("reserved head 28", "1c", "UnsupportedItem", 0),
    ("reserved head 30", "5e", "UnsupportedItem", 0),
    ("lone continuation", "61 80", "BadText", 1),
    ("overlong slash", "62 c0af", "BadText", 1),
    ("overlong in three", "63 e08080", "BadText", 1),
    ("overlong in four", "64 f0808080", "BadText", 1),
    ("surrogate", "63 eda080", "BadText", 1),
    ("beyond U+10FFFF", "64 f4908080", "BadText", 1),
    ("text cut inside a character", "63 61 e282", "BadText", 2),
    ("bad second continuation", "63 e28228", "BadText", 1),
    ("first byte F5", "64 f5808080", "BadText", 1),
    ("bad text in a map", "a1 01 61 ff", "BadText", 3),
    ("9 arrays", "81" * 8 + "80", "TooDeep", 8),
    ("9 maps", "a100" * 8 + "a0", "TooDeep", 16),
    ("9 tags", "d2" * 9 + "00", "TooDeep", 8),
    ("1024 arrays", "81" * 1024, "TooDeep", 8),
)

# name, maker of the value, error
REFUSED_VALUES = (
    ("float", lambda: 1.5, "UnsupportedItem"),
    ("2**64", lambda: 1 << 64, "UnsupportedItem"),
    ("-2**64-1", lambda: -(1 << 64) - 1, "UnsupportedItem"),
    ("set", lambda: {1}, "UnsupportedItem"),
    ("object", object, "UnsupportedItem"),
    ("tag 17", lambda: cbor.Tag(17, 0), "UnsupportedItem"),
    ("key that is true", lambda: {True: 1}, "UnsupportedItem"),
    ("key that is None", lambda: {None: 1}, "UnsupportedItem"),
    ("key that is a tuple", lambda: {(1,): 1}, "UnsupportedItem"),
    ("float deep inside", lambda: [{1: [0.5]}], "UnsupportedItem"),
    ("lone surrogate", lambda: "\ud800", "BadText"),
    ("lone surrogate as key", lambda: {"\udfff": 1}, "BadText"),
    ("9 levels", lambda: [[[[[[[[[]]]]]]]]], "TooDeep"),
    ("9 tags", lambda: _tagged(9), "TooDeep"),
)


def _tagged(levels: int) -> object:
    value: object = 0
    for _ in range(levels):
        value = cbor.Tag(18, value)
    return value


def _with_payload(reading: bytes, payload: bytes) -> bytes:
    envelope = cose.split(reading)
    return cose.assemble(envelope.protected, payload, envelope.signature)


def _with_fields(reading: bytes, **changes: object) -> bytes:
    """The signed reading with other values under keys k0, k1, ...; `None` leaves a key out."""
    pairs = cbor.decode(cose.split(reading).payload)
    for key, value in changes.items():
        del pairs[int(key[1:])]
        if value is not None:
            pairs[int(key[1:])] = value
    return _with_payload(reading, cbor.encode(pairs))


def refused_records(reading: bytes) -> "list[tuple[str, int, bytes, str, str]]":
    """(name, type code, bytes, error, what its message says), all made from a good reading."""
    return _refused_envelopes(reading) + _refused_fields(reading)


def _refused_envelopes(reading: bytes) -> "list[tuple[str, int, bytes, str, str]]":
    item = cbor.decode(reading)
    protected, _, payload, signature = item.value

    def envelope(*parts: object) -> bytes:
        return cbor.encode(cbor.Tag(18, list(parts)))

    kid = protected[-8:]
    no_kid = cbor.encode({1: -8})
    es256 = cbor.encode({1: -7, 4: kid})
    critical = cbor.encode({1: -8, 2: [4], 4: kid})
    short_kid = cbor.encode({1: -8, 4: kid[:7]})
    return [
        ("unknown type code", 99, reading, "UnknownType", "99"),
        ("type code 0", 0, reading, "UnknownType", "0"),
        ("no bytes", 1, b"", "Truncated", "missing"),
        ("half a record", 1, reading[: len(reading) // 2], "Truncated", ""),
        ("one byte short", 1, reading[:-1], "Truncated", "64 bytes"),
        ("one byte more", 1, reading + b"\0", "TrailingBytes", "1 bytes"),
        ("241 bytes", 1, reading + bytes(241 - len(reading)), "RecordError", "at most 240"),
        ("no tag", 1, reading[1:], "CoseError", "no COSE_Sign1 tag"),
        ("five parts", 1, envelope(protected, {}, payload, signature, 0), "CoseError", "four"),
        ("a map inside the tag", 1, cbor.encode(cbor.Tag(18, {})), "CoseError", "four"),
        (
            "unprotected kid",
            1,
            envelope(protected, {4: kid}, payload, signature),
            "CoseError",
            "unprotected",
        ),
        (
            "unprotected is a list",
            1,
            envelope(protected, [], payload, signature),
            "CoseError",
            "unprotected",
        ),
        ("detached payload", 1, envelope(protected, {}, None, signature), "CoseError", "payload"),
        (
            "payload that is text",
            1,
            envelope(protected, {}, "a", signature),
            "CoseError",
            "payload",
        ),
        (
            "signature of 63 bytes",
            1,
            envelope(protected, {}, payload, signature[:63]),
            "CoseError",
            "63",
        ),
        ("no protected header", 1, envelope(b"", {}, payload, signature), "Truncated", "missing"),
        (
            "protected header without kid",
            1,
            envelope(no_kid, {}, payload, signature),
            "CoseError",
            "protected",
        ),
        ("another algorithm", 1, envelope(es256, {}, payload, signature), "CoseError", "protected"),
        (
            "a critical header",
            1,
            envelope(critical, {}, payload, signature),
            "CoseError",
            "protected",
        ),
        ("kid of 7 bytes", 1, envelope(short_kid, {}, payload, signature), "CoseError", "kid"),
        (
            "protected header not minimal",
            1,
            envelope(b"\xa2\x18\x01\x27\x04\x48" + kid, {}, payload, signature),
            "NotDeterministic",
            "longer",
        ),
    ]


def _refused_fields(reading: bytes) -> "list[tuple[str, int, bytes, str, str]]":
    channel = [1, 2, 3, 4, 5]
    cases = [
        ("payload that is a list", _with_payload(reading, b"\x80"), "payload is no map"),
        ("payload that is empty", _with_payload(reading, b""), "missing"),
        ("empty map", _with_payload(reading, b"\xa0"), "reading.epoch is missing"),
        ("field missing", _with_fields(reading, k7=None), "reading.voltage_dv is missing"),
        (
            "field that is null",
            _with_payload(reading, b"\xa1\x00\xf6"),
            "reading.epoch is no integer",
        ),
        ("field that is true", _with_fields(reading, k1=True), "reading.seq is no integer"),
        ("text for a number", _with_fields(reading, k2="now"), "reading.time_s is no integer"),
        ("negative seq", _with_fields(reading, k1=-1), "reading.seq is outside 0..4294967295"),
        ("epoch of 33 bits", _with_fields(reading, k0=1 << 32), "reading.epoch is outside"),
        (
            "flags of 17 bits",
            _with_fields(reading, k3=1 << 16),
            "reading.flags is outside 0..65535",
        ),
        ("prev of 15 bytes", _with_fields(reading, k4=bytes(15)), "reading.prev has 15 bytes"),
        ("prev that is text", _with_fields(reading, k4="0" * 16), "reading.prev is no byte string"),
        ("no channels", _with_fields(reading, k6=[]), "reading.channels is no list of 1..4"),
        (
            "5 channels",
            _with_fields(reading, k6=[[0] * 5] * 5),
            "reading.channels is no list of 1..4",
        ),
        ("channels as a map", _with_fields(reading, k6={}), "reading.channels is no list"),
        (
            "channel of 4 values",
            _with_fields(reading, k6=[channel[:4]]),
            "reading.channels [0] is no row of 5",
        ),
        (
            "negative register",
            _with_fields(reading, k6=[channel, [-1, 0, 0, 0, 0]]),
            "reading.channels [1] [0] is outside",
        ),
        (
            "mean of -2**32",
            _with_fields(reading, k6=[[0, 0, -(1 << 32), 0, 0]]),
            "reading.channels [0] [2] is outside",
        ),
        (
            "true in a channel",
            _with_fields(reading, k6=[[0, 0, True, 0, 0]]),
            "reading.channels [0] [2] is no integer",
        ),
    ]
    found = [(name, 1, data, _error_of(name), says) for name, data, says in cases]
    pairs = cbor.decode(cose.split(reading).payload)
    pairs[9] = 0
    unknown = _with_payload(reading, cbor.encode(pairs))
    found.append(("unknown key", 1, unknown, "RecordError", "reading has no key 9"))
    found.append(
        (
            "text key",
            1,
            _with_payload(reading, cbor.encode({"a": 1})),
            "RecordError",
            "epoch is missing",
        )
    )
    found.append(("a reading as a feeder", 4, reading, "RecordError", "feeder.breaker is missing"))
    found.append(("a reading as an ack", 8, reading, "RecordError", "ack.device is no byte string"))
    return found


def _error_of(name: str) -> str:
    return "Truncated" if name == "payload that is empty" else "RecordError"


# name, class name, fields that differ from a good record's, what the error says
REFUSED_FIELDS = (
    ("Reading", {"epoch": -1}, "reading.epoch is outside"),
    ("Reading", {"prev": bytes(17)}, "reading.prev has 17 bytes"),
    ("Reading", {"prev": bytearray(16)}, "reading.prev is no byte string"),
    ("Reading", {"flags": None}, "reading.flags is no integer"),
    ("Reading", {"voltage": 1}, "reading has no field voltage"),
    ("Reading", {"channels": [[0, 0, 0, 0, 1.0]]}, "reading.channels [0] [4] is no integer"),
    ("Enrolment", {"firmware": ""}, "enrolment.firmware is empty or too long"),
    ("Enrolment", {"firmware": "\u00e4" * 9}, "enrolment.firmware is empty or too long"),
    ("Enrolment", {"firmware": "\ud800"}, "enrolment.firmware text with a lone surrogate"),
    ("Enrolment", {"firmware": b"1"}, "enrolment.firmware is no text"),
    ("Enrolment", {"hardware_id": b""}, "enrolment.hardware_id has 0 bytes"),
    ("Enrolment", {"fixed_limit_w": -1}, "enrolment.fixed_limit_w is outside"),
    ("GroupShed", {"targets": [b"123"]}, "group_shed.targets [0] has 3 bytes"),
    ("Quality", {"power_factor_milli": [1001]}, "quality.power_factor_milli [0] is outside +-1000"),
    ("Feeder", {"breaker": 3}, "feeder.breaker is outside 0..2"),
)
"""Given to the class's constructor together with the good fields of a golden record."""
