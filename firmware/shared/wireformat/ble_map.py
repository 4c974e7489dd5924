"""Where a board and the gateway meet over BLE GATT: one service, four characteristics.

    REC  notify  type code (1 byte), then the signed chained record, in order
    OUT  notify  what Modbus shows as STATUS; as INBOX_STATUS the four frames that ended last; then
                 two counters: connections that the board ended, writes dropped. Unsigned
    IN   write   an inbox chunk, as Modbus would write it: acks, commands, certificates, beacons
    GO   write   how many records the board may send from now on (2 bytes); the first one of a
                 connection says that the gateway listens: before it, nothing is sent

Writes are taken with a response, from a central that paired with the passkey, and from no other.
One record is one notification: a connection with a smaller MTU than `MIN_MTU` is ended.
"""

SERVICE = "54570001-7472-7565-7761-7474626c6500"
REC = "54570002-7472-7565-7761-7474626c6500"
OUT = "54570003-7472-7565-7761-7474626c6500"
IN = "54570004-7472-7565-7761-7474626c6500"
GO = "54570005-7472-7565-7761-7474626c6500"

MTU = 247
"""What a board asks for: one link-layer packet of 251 bytes (Core 5.4, Vol 6 B 2.4)."""

MIN_MTU = 244
"""ATT's 3 bytes of head, a type code, a record of 240 bytes."""

MAX_WRITE_BYTES = 244
GO_BYTES = 2
MAX_CREDIT = 64
"""A board takes no larger grant: it would only be a larger backlog in the air."""

NAME = "TW-"
NAME_DIGITS = 8
PASSKEY_END = 1000000


def name(device: bytes) -> str:
    """What a board of that address calls itself on the air, and its label."""
    return NAME + device.hex()[:NAME_DIGITS]
