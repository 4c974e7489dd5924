"""The tables of a gateway's TOML file. Times are in the run's clock unless a key says wall."""

from gateway.schema.kinds import (
    BLOCK_HASH,
    CHAIN_ID,
    HOST,
    NAME,
    PATH,
    PUBLIC_KEY,
    URL,
    Choice,
    Field,
    Flag,
    Rows,
    Table,
    Text,
    Texts,
    Whole,
    optional,
)
from wireformat import codes

SUBMIT = ("all", "boundaries")

GATEWAY = Table(
    {
        "name": Field(NAME),
        "area": Field(Whole(1, 0xFFFFFFFF)),
        "data_dir": Field(PATH),
        "key_file": Field(PATH),
        "ack_certificate": Field(PATH),
        "poll_s": optional(Whole(1, 3600, "s"), 10),
        "beacon_s": optional(Whole(60, 86400, "s"), 3600),
        "batch_records": optional(Whole(1, 64), 64),
        "clock_ahead_s": optional(Whole(1, 86400, "s"), 300),
        "clock_age_s": optional(Whole(3600, 366 * 86400, "s"), 60 * 86400),
        # What goes to the ledger whole; of the rest a Merkle root stands for each batch.
        "submit": optional(Choice(SUBMIT), SUBMIT[0]),
        # 0: raw records are kept for ever.
        "keep_days": optional(Whole(1, 36_600), 0),
        # What a line can carry; the ledger's limits are the same by default.
        "max_channel_w": optional(Whole(100, 10_000_000, "W"), 25_000),
        "max_section_w": optional(Whole(100, 10_000_000, "W"), 250_000),
    }
)

LEDGER = Table(
    {
        "rpc": Field(URL),
        "chain_id": Field(CHAIN_ID),
        "operator_root": Field(PUBLIC_KEY),
        "genesis": Field(PATH),
        "trusted_height": optional(Whole(1, 2**62), 0),
        "trusted_hash": optional(BLOCK_HASH, ""),
        "trusting_period_s": optional(Whole(3600, 100 * 366 * 86400, "s"), 366 * 86400),
    }
)

DEVICE = Table(
    {
        # 248 to 255 are reserved: Modbus over serial line V1.02, section 2.2.
        "address": Field(Whole(1, 247)),
        "name": Field(NAME),
        "max_power_w": optional(Whole(100, 10_000_000, "W"), 0),
    }
)

METER = Table(
    {
        "address": Field(Whole(1, 247)),
        "name": Field(NAME),
        "profile": Field(NAME),
        "kind": optional(Choice(tuple(codes.CHANNEL_KINDS.values())), "load"),
        "energy": optional(Choice(tuple(codes.ENERGY_TYPES.values())), "grid"),
        # What the enrolment of a device that can't tell its number calls it.
        "serial": optional(Text(r"[ -~]{1,16}", "a serial number of 1 to 16 characters"), ""),
        "phases": optional(Choice((1, 3)), 0),
        "max_power_w": optional(Whole(100, 10_000_000, "W"), 0),
        "unconfirmed": optional(Flag(), False),
        "control": optional(Flag(), True),
    }
)
"""A commercial device for which the gateway signs."""

RS485 = Table(
    {
        # None: no driver enable is asked of the kernel.
        "rts_on_send": optional(Flag(), None),
        "delay_before_ms": optional(Whole(0, 100, "ms of wall time"), 0),
        "delay_after_ms": optional(Whole(0, 100, "ms of wall time"), 0),
    }
)

BUS = Table(
    {
        "name": Field(NAME),
        "port": Field(
            Text(r"/.+|[^/].*", "a serial port such as /dev/ttyUSB0, or tcp://HOST[:PORT]")
        ),
        "baud": optional(Choice((1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)), 9600),
        "parity": optional(Choice(("N", "E", "O")), "N"),
        # Wall time: a bus takes as long as it takes, whatever the speed of the run's clock. The
        # time-out is the longest; what a board's replies show shortens it (`collect.patience`).
        "timeout_ms": optional(Whole(20, 60_000, "ms of wall time"), 2000),
        # 0: the silence between frames that the baud rate asks for.
        "gap_ms": optional(Whole(0, 1000, "ms of wall time"), 0),
    },
    {
        "device": Rows(DEVICE, least=0, unique=("address", "name")),
        "meter": Rows(METER, least=0, unique=("address", "name")),
    },
    {"rs485": RS485},
)

MQTT = Table(
    {
        "host": optional(HOST, ""),
        "port": optional(Whole(1, 65535), 0),
        "embedded": optional(Choice((True, False)), None),
        "client_id": optional(
            Text(r"[0-9a-zA-Z_-]{1,64}", "1 to 64 of a-z, A-Z, 0-9, - and _"), ""
        ),
        "ca_file": optional(PATH, ""),
        "certificate": optional(PATH, ""),
        "private_key": optional(PATH, ""),
        "user": optional(Text(), ""),
        "password_file": optional(PATH, ""),
    }
)

BLE = Table(
    {
        "adapter": optional(Text(r"hci[0-9]{1,3}", "a Bluetooth adapter such as hci0"), "hci0"),
        "devices": optional(
            Texts(
                r"TW-[0-9a-f]{8}|([0-9A-F]{2}:){5}[0-9A-F]{2}",
                "1 to 16 boards, each once, by name (TW-1a2b3c4d) or address (AA:BB:CC:DD:EE:FF)",
                16,
            ),
            [],
        ),
        "passkey_file": optional(PATH, ""),
    }
)

GATEWAY_FILE = Table(
    {},
    rows={"bus": Rows(BUS, least=0, unique=("name", "port"))},
    tables={"gateway": GATEWAY, "ledger": LEDGER, "mqtt": MQTT, "ble": BLE},
)
"""The whole file: [gateway], [ledger], [mqtt], [ble], [[bus]] with [[bus.device]] and
[[bus.meter]]."""
