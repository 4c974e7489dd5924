"""Well-formed UTF-8 (RFC 3629), checked here because MicroPython's own check lets some through."""

_FIRST = (
    # first byte from..to, bytes that follow, second byte from..to (Unicode, table 3-7)
    (0xC2, 0xDF, 1, 0x80, 0xBF),
    (0xE0, 0xE0, 2, 0xA0, 0xBF),
    (0xE1, 0xEC, 2, 0x80, 0xBF),
    (0xED, 0xED, 2, 0x80, 0x9F),
    (0xEE, 0xEF, 2, 0x80, 0xBF),
    (0xF0, 0xF0, 3, 0x90, 0xBF),
    (0xF1, 0xF3, 3, 0x80, 0xBF),
    (0xF4, 0xF4, 3, 0x80, 0x8F),
)


def fault_at(raw: bytes) -> int:
    """Offset of the first ill-formed sequence in `raw`, or -1."""
    if not raw or max(raw) < 0x80:
        return -1
    at, size = 0, len(raw)
    while at < size:
        if raw[at] < 0x80:
            at += 1
            continue
        more = _following(raw, at)
        if more == 0:
            return at
        at += 1 + more
    return -1


def _following(raw: bytes, at: int) -> int:
    """How many bytes follow the first of the sequence at `at`; 0 when it is ill-formed."""
    first = raw[at]
    for start, stop, more, low, high in _FIRST:
        if start <= first <= stop:
            if at + more >= len(raw) or not low <= raw[at + 1] <= high:
                return 0
            for index in range(at + 2, at + more + 1):
                if raw[index] >> 6 != 2:
                    return 0
            return more
    return 0
