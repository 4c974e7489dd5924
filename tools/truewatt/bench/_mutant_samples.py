"""Genuine input for `truewatt bench mutants`: records, replies, transactions, answers, files."""

from __future__ import annotations

import hashlib
import json
import struct
from functools import cache
from importlib.resources import files

from nacl.signing import SigningKey

from gateway.mqtt.packets import pubacks, publish
from gateway.profiles.load import MODELS
from ledger import keys
from ledger.blocks.json_fields import base64_text
from ledger.contracts import app
from ledger.contracts.bodies import AccountBody, PreferencesBody, RecordsBody, SectionLimitBody
from ledger.contracts.errors import ContractFault
from ledger.genesis import Genesis
from ledger.setup import build_tx, certify, default_area, make_genesis, seal
from ledger.state import MemoryState, StateTree
from ledger.tx import TX_TYPE
from truewatt.emulator.wires.pzem import crc16
from wireformat import codes, cose, identity, modbus_map
from wireformat.chained import Event, Feeder, Outcome, Reading
from wireformat.registry import BY_CODE

CHAIN = "truewatt-mutants"
METER = codes.METER
NOW_MS = 1_790_000_100_000
BUS_ADDRESS = 11
FAULT = ContractFault.code
_FAR_S = NOW_MS // 1000 + 10 * 365 * 86_400


def seed(name: str) -> bytes:
    """A key that is the same in every run."""
    return hashlib.sha256(b"mutants " + name.encode()).digest()


BOARD_KEY = keys.public_key(seed("board"))
BOARD = identity.address(BOARD_KEY)
FEEDER_KEY = keys.public_key(seed("feeder"))
FEEDER = identity.address(FEEDER_KEY)


def chained() -> list[tuple[int, bytes]]:
    """Signed records in a board's first place, a meter's and a feeder's: (type code, bytes)."""
    start = {"epoch": 1, "seq": 0, "time_s": NOW_MS // 1000, "flags": 64, "prev": bytes(16)}
    rows = [[1234, 0, 180, 400, 7], [0, 56, -200, 300, 0]]
    records = [
        Reading(**start, interval_s=60, channels=rows, voltage_dv=2311, max_ma=1900),
        Event(**start, kind=codes.EV_JOURNAL_GAP, detail=[0, 0, 0, 9]),
        Outcome(
            **start,
            command_id=bytes(8),
            counter=3,
            status=codes.DONE,
            reason=0,
            asset=1,
            state=1,
            at_ms=NOW_MS,
        ),
    ]
    measured = {"interval_s": 60, "channels": rows, "voltage_dv": 2311, "max_ma": 1900}
    breaker = {"breaker": 1, "trip_cause": 0, "reclose_count": 2, "limit_w": 9000}
    feeder = Feeder(**start, **measured, **breaker)
    signed = [(record.CODE, seal(record, seed("board"), CHAIN)) for record in records]
    return [*signed, (feeder.CODE, seal(feeder, seed("feeder"), CHAIN))]


def records() -> list[bytes]:
    """Behind their type code in a byte."""
    return [bytes((code,)) + data for code, data in chained()]


def record_payloads() -> list[bytes]:
    """Behind their type code, without envelope and signature."""
    return [bytes((code,)) + cose.split(data).payload for code, data in chained()]


def record_signed(code: int, payload: bytes) -> bytes:
    """A payload under its board's good signature, whatever it says."""
    kind = BY_CODE.get(code, Reading)
    return _sealed("feeder" if kind is Feeder else "board", kind.TYPE, payload)


def windows() -> list[bytes]:
    """Registers: a status block, and windows with a record."""
    status = struct.pack(">HH", modbus_map.MAGIC, modbus_map.MAP_VERSION) + BOARD + bytes(40)
    shown = [struct.pack(">HH", len(data), code) + data for code, data in chained()]
    return [status[: 2 * modbus_map.STATUS_WORDS], *shown]


def replies() -> list[bytes]:
    """Frames on a line, with their CRC: reads, a window, a write, an exception."""
    window = windows()[1].ljust(2 * modbus_map.WINDOW_WORDS, b"\0")
    bodies = [
        struct.pack(">BBB", BUS_ADDRESS, 3, 64) + windows()[0].ljust(64, b"\0"),
        struct.pack(">BBB", BUS_ADDRESS, 23, len(window)) + window,
        struct.pack(">BBB", BUS_ADDRESS, 4, 8) + struct.pack(">ff", 231.5, 4.2),
        struct.pack(">BBHH", BUS_ADDRESS, 16, modbus_map.INBOX, 80),
        struct.pack(">BBB", BUS_ADDRESS, 0x97, 2),
    ]
    return [body + crc16(body) for body in bodies]


def images() -> list[bytes]:
    """A model's number and words of a meter: floats, integers, all ones, all zeros."""
    rows = [
        struct.pack(">6f", 231.5, 4.25, 980.0, 50.0, 1234.5, 0.97),
        struct.pack(">6I", 2315, 4250, 9800, 5000, 1_234_500, 970),
        b"\xff" * 24,
        bytes(24),
        struct.pack(">3f", float("nan"), float("inf"), -1e30),
    ]
    return [bytes((number,)) + row for number in range(16) for row in rows]


def packets() -> list[bytes]:
    """MQTT: records as boards publish them, and a broker's own packets."""
    topic = f"tw/1/{BOARD.hex()}/rec"
    published = [publish(topic, data, 7) for _, data in chained()]
    return [*published, pubacks([7, 8]), b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x01", b"\xd0\x00"]


def sessions() -> list[bytes]:
    """MQTT: what clients send from their first byte on."""
    connect = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04abcd"
    subscribe = b"\x82\x0c\x00\x01\x00\x07tw/1/+/\x01"
    topic = f"tw/1/{BOARD.hex()}/rec"
    published = [publish(topic, data, 7) for _, data in chained()]
    return [connect + subscribe + one + b"\xc0\x00\xe0\x00" for one in published]


TELEGRAM = """/ISk5\\2MT382-1000\r
\r
1-3:0.2.8(50)\r
0-0:1.0.0(261125161500W)\r
0-0:96.1.1(4B384547303034)\r
1-0:1.8.1(001234.567*kWh)\r
1-0:1.8.2(000100.001*kWh)\r
1-0:2.8.1(000010.000*kWh)\r
1-0:2.8.2(000005.500*kWh)\r
0-0:96.14.0(0002)\r
1-0:1.7.0(00.000*kW)\r
1-0:2.7.0(01.193*kW)\r
1-0:32.7.0(230.1*V)\r
1-0:31.7.0(005*A)\r
!"""
"""As in DSMR 5.0.2 P1, section 6.12, shortened."""


def statuses() -> list[bytes]:
    """A board's status, as it notifies it: block, fates of frames, counters."""
    head = struct.pack(">HH20sHHII", 0x5457, 1, BOARD, METER, 64, 1, 7)
    block = head + struct.pack(">HH8s6s5H", 3, 1, bytes(8), bytes(6), 3, 5, 9, 1, 0)
    fates = struct.pack(">12H", 9, codes.INBOX_ACCEPTED, 0, 8, codes.INBOX_REFUSED, 5, *[0] * 6)
    return [block + fates + bytes(4)]


def passkeys() -> list[bytes]:
    """A passkey file."""
    return [b"# labels\nTW-0123abcd 000123 # cellar\nAA:BB:CC:DD:EE:FF\t654321\n\n"]


def telegrams() -> list[bytes]:
    """Without their CRC."""
    return [TELEGRAM.encode()]


def checked(telegram: bytes) -> bytes:
    """A telegram with its CRC-16/ARC behind it (section 5.2): Modbus's with another start."""
    crc = 0
    for byte in telegram:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return telegram + b"%04X\r\n" % crc


# ---- the ledger ----------------------------------------------------------------------------------


@cache
def genesis() -> Genesis:
    """A chain with every key that signs transactions."""
    holders = (("control", codes.CONTROL), ("gateway", codes.ACK), ("installer", codes.INSTALLER))
    return make_genesis(
        chain_id=CHAIN,
        time_ms=NOW_MS,
        operator_root=keys.public_key(seed("operator")),
        validator_public_key=keys.public_key(seed("validator")),
        areas=[default_area(1)],
        certificates=[
            certify(
                seed("operator"),
                CHAIN,
                role=role,
                area=1,
                public_key=keys.public_key(seed(name)),
                serial=1,
                expires_s=_FAR_S,
            )
            for name, role in holders
        ],
    )


def certificates() -> list[bytes]:
    """Of the control key, the gateway's and an installer's, signed by the operator."""
    return list(genesis().params.certificates)


def state() -> MemoryState:
    """The state before the first block."""
    found = MemoryState()
    found.apply(app.genesis_changes(genesis().params, CHAIN, NOW_MS))
    return found


def transactions() -> list[bytes]:
    """One of each kind that is common."""
    rows = [[code, data] for code, data in chained()]
    owner = keys.public_key(seed("prosumer"))
    wish = PreferencesBody(
        device=BOARD,
        asset=0,
        price_limit=250_000,
        energy=0,
        priority=1,
        run_s=3600,
        deadline_s=7 * 3600,
        period_s=86_400,
        min_on_s=300,
        min_off_s=300,
        rated_w=2000,
    )
    limit = SectionLimitBody(mlmd=BOARD, limit_w=9000, until_s=_FAR_S)
    return [
        build_tx(seed("gateway"), CHAIN, 1, RecordsBody(records=rows)),
        build_tx(seed("operator"), CHAIN, 1, AccountBody(public_key=owner, devices=[])),
        build_tx(seed("operator"), CHAIN, 2, limit),
        build_tx(seed("operator"), CHAIN, 3, wish),
    ]


def payloads() -> list[bytes]:
    """What a transaction's signature covers."""
    return [cose.split(data, 1 << 15).payload for data in transactions()]


def signed(payload: bytes) -> bytes:
    """A payload under the operator's good signature, whatever it says."""
    return _sealed("operator", TX_TYPE, payload)


def _sealed(who: str, kind: str, payload: bytes) -> bytes:
    key = SigningKey(seed(who))
    protected = cose.protected_header(identity.kid(bytes(key.verify_key)))
    message = cose.to_be_signed(protected, cose.external_aad(kind, CHAIN), payload)
    return cose.assemble(protected, payload, key.sign(message).signature)


# ---- RPC -----------------------------------------------------------------------------------------


def answers() -> list[bytes]:
    """A byte that chooses the method, and its answer in JSON."""
    found = []
    for number, result in enumerate(_results()):
        document = {"jsonrpc": "2.0", "id": 1, "result": result}
        found.append(bytes((number,)) + json.dumps(document).encode())
    return [*found, bytes((_QUERY,)) + json.dumps(_proven()).encode()]


_QUERY = 3
"""The method whose answer may be proven."""


def proven() -> tuple[bytes, bytes, bytes, bytes]:
    """Root of the state, a key, its value and the encoded proof of that."""
    tree, (key, value) = StateTree.of(state()), next(iter(state().iterate(b"")))
    return tree.root, key, value, tree.prove(key).encode()


def _proven() -> object:
    _, key, value, proof = proven()
    op = {"type": "truewatt:state", "key": base64_text(key), "data": base64_text(proof)}
    answer = {"code": 0, "log": "", "value": base64_text(value), "height": "1"}
    response = {**answer, "proofOps": {"ops": [op]}}
    return {"jsonrpc": "2.0", "id": 1, "result": {"response": response}}


def _results() -> list[object]:
    """What the real CometBFT answered to the methods that a client calls, in their order."""
    recorded = json.loads((files("ledger") / "tests/golden/one_validator.json").read_text())
    block, tx = recorded["blocks"][1], recorded["proved_txs"][0]
    header = block["block"]["header"]
    response = {"code": 0, "log": "", "value": "AA==", "height": "1", "proofOps": None}
    return [
        {"signed_header": {"header": header, "commit": block["commit"]}, "canonical": True},
        {"block_id": block["block_id"], "block": block["block"]},
        recorded["status"][0],
        {"response": response},
        tx,
        {"code": 0, "data": "", "log": "", "codespace": "", "hash": "AB" * 32},
    ]


def requests() -> list[bytes]:
    """Requests in JSON-RPC."""
    params = [
        {"height": "12"},
        {"path": "/store", "data": "00ff", "prove": True},
        {"hash": "AAAA"},
        {},
    ]
    return [
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "abci_query", "params": one}).encode()
        for one in params
    ]


# ---- files ---------------------------------------------------------------------------------------


def configs() -> list[bytes]:
    """A gateway's configuration."""
    text = f"""
[gateway]
name = "gw"
area = 1
data_dir = "data"
key_file = "gateway.key"
ack_certificate = "ack.cert"
poll_s = 5

[ledger]
rpc = "http://127.0.0.1:26657"
chain_id = "{CHAIN}"
operator_root = "{keys.public_key(seed("operator")).hex()}"
genesis = "genesis.json"

[[bus]]
name = "bus0"
port = "/dev/ttyUSB0"
baud = 9600

[[bus.device]]
address = 11
name = "m1"
"""
    return [text.encode()]


def profiles() -> list[bytes]:
    """All meter profiles."""
    return [path.read_bytes() for path in sorted(MODELS.glob("*.toml"))]
