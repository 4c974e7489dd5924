"""cbor2 as the independent judge of our CBOR."""

from typing import Any

import cbor2

from wireformat import cbor
from wireformat.errors import WireError


def is_ours(value: Any) -> bool:
    """Whether our subset has `value`, as cbor2 decodes it."""
    if isinstance(value, (list, tuple)):
        return all(map(is_ours, value))
    if isinstance(value, dict) or hasattr(value, "items"):
        return all(
            is_ours(key) and isinstance(key, (int, str, bytes)) and not isinstance(key, bool)
            for key in value
        ) and all(map(is_ours, value.values()))
    if isinstance(value, int) and not isinstance(value, bool):
        return -(1 << 64) <= value < 1 << 64
    return value is None or isinstance(value, (bool, str, bytes))


def plain(value: Any) -> Any:
    """cbor2's value with our types: it gives tuples and frozen maps inside tags."""
    if isinstance(value, cbor2.CBORTag):
        return cbor.Tag(value.tag, plain(value.value))
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "items"):
        return {key: plain(item) for key, item in value.items()}
    return value


def for_cbor2(value: Any) -> Any:
    if isinstance(value, cbor.Tag):
        return cbor2.CBORTag(value.number, for_cbor2(value.value))
    if isinstance(value, list):
        return [for_cbor2(item) for item in value]
    if isinstance(value, dict):
        return {key: for_cbor2(item) for key, item in value.items()}
    return value


def by_encoded_key(value: Any) -> Any:
    """Sort the keys as RFC 8949 does; cbor2's canonical order (RFC 7049) puts length first."""
    if isinstance(value, cbor2.CBORTag):
        return cbor2.CBORTag(value.tag, by_encoded_key(value.value))
    if isinstance(value, list):
        return [by_encoded_key(item) for item in value]
    if isinstance(value, dict):
        order = sorted(value, key=lambda key: cbor2.dumps(key, canonical=True))
        return {key: by_encoded_key(value[key]) for key in order}
    return value


def typed(value: Any) -> Any:
    """True == 1 in Python, so compare types too."""
    if isinstance(value, cbor.Tag):
        return ("tag", value.number, typed(value.value))
    if isinstance(value, list):
        return [typed(item) for item in value]
    if isinstance(value, dict):
        return {(type(key), key): typed(item) for key, item in value.items()}
    return (type(value), value)


def check_any(data: bytes) -> bool:
    """Accepted bytes are the only encoding of their value, and cbor2 reads the same."""
    value, offset = None, -1
    try:
        value = cbor.decode(data)
    except WireError as error:
        refused, offset = True, error.offset
    else:
        refused = False
    if refused:
        assert 0 <= offset <= len(data)
        return False
    assert cbor.encode(value) == data
    assert plain(cbor2.loads(data)) == value
    return True
