"""Where boards and the gateway meet on an MQTT broker: topics, and what a message holds.

`tw/<area>/<device>/<leaf>`, device being the board's address in 40 hexadecimal digits. A topic says
where to look, never who speaks: that is the signature's matter.

    rec   board -> gateway  type code (1 byte), then the signed chained record, in order
    live  board -> gateway  the same for `live` and `quality`; QoS 0, may be lost
    out   board -> gateway  what Modbus shows as STATUS and INBOX_STATUS, then two counters;
                            unsigned. Empty: the board's last will
    ack   gateway -> board  an inbox chunk, as Modbus would write it, that holds the whole ack
    cmd   gateway -> board  the same for commands, certificates and beacons

All but `live` go with QoS 1; none is ever retained, and a retained `ack` or `cmd` is refused.
"""

from wireformat import modbus_map
from wireformat.errors import WireError
from wireformat.identity import ADDRESS_BYTES
from wireformat.schema import MAX_RECORD_BYTES

PREFIX = "tw"
REC, LIVE, OUT, ACK, CMD = "rec", "live", "out", "ack", "cmd"
LEAVES = (REC, LIVE, OUT, ACK, CMD)

STATUS_BYTES = 2 * modbus_map.STATUS_WORDS
FATES_BYTES = 2 * modbus_map.INBOX_STATUS_WORDS
COUNTERS_BYTES = 4  # retained messages refused (2), messages dropped (2); both saturate
OUT_BYTES = STATUS_BYTES + FATES_BYTES + COUNTERS_BYTES

CHUNK_HEAD_BYTES = 2 * modbus_map.INBOX_HEAD_WORDS
MAX_PAYLOAD_BYTES = CHUNK_HEAD_BYTES + MAX_RECORD_BYTES
"""No message of ours is longer."""


def topic(area: int, device: bytes, leaf: str) -> str:
    """The topic of `leaf` of one board."""
    return "%s/%d/%s/%s" % (PREFIX, area, device.hex(), leaf)


def split_topic(text: str) -> "tuple[int, bytes, str]":
    """(area, device, leaf) of a topic. Raises `WireError` for every topic that is none of ours."""
    parts = text.split("/")
    if len(parts) != 4 or parts[0] != PREFIX or parts[3] not in LEAVES:
        raise WireError("topic %r is not tw/<area>/<device>/<leaf>" % text[:80])
    try:
        area, device = int(parts[1]), bytes.fromhex(parts[2])
    except ValueError:
        area, device = -1, b""
    # Written in one way only, so that access lists by text hold.
    if len(device) != ADDRESS_BYTES or topic(area, device, parts[3]) != text or area < 0:
        raise WireError("topic %r has no area or no board's address" % text[:80])
    return area, device, parts[3]


def chunk(frame: int, code: int, data: bytes) -> bytes:
    """`data` of type `code` as one whole chunk for a board's inbox; `frame` is 1 to 65535."""
    head = bytes((frame >> 8, frame & 0xFF, code, len(data), 0, 0))
    return head + data
