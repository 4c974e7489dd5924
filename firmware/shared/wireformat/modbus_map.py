"""Where a board's Modbus server shows and takes things (0-based register addresses).

All words are big-endian, multi-word values high word first. Records are bytes, two a register,
padded with a zero byte. Live values are input registers (FC04) at the SDM630 addresses, float32.
"""

MAP_VERSION = 1
MAGIC = 0x5457  # "TW"

# FC03, one block of STATUS_WORDS registers.
STATUS = 0x1000
STATUS_WORDS = 32
ST_MAGIC = 0
ST_VERSION = 1
ST_ADDRESS = 2  # 10 words: the board's 20-byte address
ST_ROLE = 12
ST_FLAGS = 13  # codes flags as in a record
ST_EPOCH = 14  # 2 words
ST_NEXT_SEQ = 16  # 2 words: seq of the next record in this epoch
ST_UNACKED = 18  # chained records that wait for an ack (saturates at 65535)
ST_CLOCK_TRUSTED = 19
ST_NONCE = 20  # 4 words: what a beacon must answer
ST_COUNTER = 24  # 3 words: highest command counter persisted
ST_ACK_SERIAL = 27  # low word of the newest ack certificate's serial known (0: none)
ST_CONTROL_SERIAL = 28  # the same for control
ST_LAST_FRAME = 29  # id of the inbox frame that was finished last
ST_RELAYS = 30  # bit mask, 1 closed
ST_UPDATE = 31  # codes.UP_* << 8 | the file that is wanted, or why it failed (codes.R_*)

# Window on the chained records: write the cursor (FC16), read the first record at or after it
# (FC03); FC23 does both in one transaction.
CURSOR = 0x1100
CURSOR_WORDS = 4  # epoch (2), seq (2)
WINDOW = 0x1200
WINDOW_WORDS = 122  # word 0: length in bytes (0: none); word 1: type code; then the record
WINDOW_HEAD_WORDS = 2

# Inbox for acks, commands, certificates, beacons: FC16, in chunks.
INBOX = 0x1400
INBOX_HEAD_WORDS = 3  # frame id; type code << 8 | total length; offset of this chunk
INBOX_MAX_WORDS = 123
INBOX_STATUS = 0x1500
INBOX_STATUS_FRAMES = 4  # newest first, each: frame id, codes.INBOX_*, codes.R_*
INBOX_STATUS_WORDS = 3 * INBOX_STATUS_FRAMES

# The board's signed enrolment, laid out as the window.
ENROLMENT = 0x1600

# Coils (FC01): relay states, read only. A write is refused with exception 1 (illegal function).
RELAY_COILS = 0

# Input registers (FC04) at Eastron SDM630 addresses; each value is 2 words, float32.
LIVE_VOLTAGE = 0x00  # V, L1
LIVE_CURRENT = 0x06  # A, L1
LIVE_POWER_L1 = 0x0C  # W
LIVE_TOTAL_POWER = 0x34  # W, import positive
LIVE_TOTAL_PF = 0x3E
LIVE_FREQUENCY = 0x46  # Hz
LIVE_IMPORT = 0x48  # kWh
LIVE_EXPORT = 0x4A  # kWh
LIVE_TOTAL = 0x156  # kWh, import + export
LIVE_END = 0x180


def to_words(data: bytes) -> "list[int]":
    """Bytes as big-endian 16-bit words, the last padded with a zero byte."""
    padded = data + b"\0" if len(data) & 1 else data
    return [padded[i] << 8 | padded[i + 1] for i in range(0, len(padded), 2)]


def from_words(words: "list[int]", size: int) -> bytes:
    """The first `size` bytes of `words`; the inverse of `to_words`."""
    out = bytearray()
    for word in words:
        out.append(word >> 8)
        out.append(word & 0xFF)
    return bytes(out[:size])


def uint(words: "list[int]") -> int:
    """An unsigned integer from its words, high word first."""
    value = 0
    for word in words:
        value = value << 16 | word
    return value


def uint_words(value: int, count: int) -> "list[int]":
    """`value` as `count` words, high word first."""
    return [value >> (16 * (count - 1 - i)) & 0xFFFF for i in range(count)]
