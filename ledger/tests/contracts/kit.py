"""A little grid for tests: real keys, really signed records, blocks run through `finalize`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from ledger import keys, setup
from ledger.contracts import app
from ledger.contracts.app import BlockInput, Finalized
from ledger.contracts.bodies import Body
from ledger.contracts.objects import T, unpack
from ledger.contracts.params import Limits
from ledger.state import MemoryState
from wireformat import cbor, codes, identity
from wireformat.chained import Event, Feeder, Outcome, Reading
from wireformat.control import Enrolment

CHAIN = "truewatt-test"
START_MS = 1_790_000_100_000  # a multiple of the 300 s price interval
FAR_S = START_MS // 1000 + 10 * 365 * 86_400


def seed_of(name: str) -> bytes:
    return hashlib.sha256(b"test key " + name.encode()).digest()


def certificate_of(
    name: str, role: int, serial: int, area: int = 1, expires_s: int = FAR_S
) -> bytes:
    return setup.certify(
        seed_of("operator"),
        CHAIN,
        role=role,
        area=area,
        public_key=keys.public_key(seed_of(name)),
        serial=serial,
        expires_s=expires_s,
    )


def genesis(limits: Limits | None = None, areas: int = 1):
    return setup.make_genesis(
        chain_id=CHAIN,
        time_ms=START_MS,
        operator_root=keys.public_key(seed_of("operator")),
        validator_public_key=keys.public_key(seed_of("validator")),
        areas=[setup.default_area(number + 1) for number in range(areas)],
        certificates=[
            certificate_of("control", codes.CONTROL, 1),
            certificate_of("gateway", codes.ACK, 1),
            certificate_of("installer", codes.INSTALLER, 1),
        ],
        limits=limits,
    )


@dataclass
class Board:
    """A board that signs its chain; `now_s` moves by `interval_s` with each measurement."""

    name: str
    role: int = codes.METER
    channels: tuple = ((codes.LOAD, codes.GRID), (codes.GENERATION, codes.SOLAR))
    fixed_limit_w: int | None = None
    calibration: bytes | None = None
    now_s: int = START_MS // 1000
    epoch: int = 1
    seq: int = 0
    prev: bytes = identity.GENESIS_PREV
    flags: int = codes.RELAY_1_CLOSED | codes.RELAY_2_CLOSED
    registers: list = field(default_factory=lambda: [[0, 0], [0, 0]])

    @property
    def seed(self) -> bytes:
        return seed_of(self.name)

    @property
    def address(self) -> bytes:
        return keys.address(self.seed)

    def enrolment(self) -> bytes:
        record = Enrolment(
            public_key=keys.public_key(self.seed),
            role=self.role,
            channels=[list(row) for row in self.channels],
            hardware_id=self.name.encode(),
            firmware="1.0.0",
            relays=2 if self.role == codes.METER else 1,
            fixed_limit_w=self.fixed_limit_w,
            calibration=self.calibration,
        )
        return setup.seal(record, self.seed, CHAIN)

    def sign(self, cls: type, **fields: object) -> tuple[int, bytes]:
        chained = {
            "epoch": self.epoch,
            "seq": self.seq,
            "time_s": self.now_s,
            "flags": self.flags,
            "prev": self.prev,
        }
        data = setup.seal(cls(**{**chained, **fields}), self.seed, CHAIN)
        self.prev, self.seq = identity.prev_hash(data), self.seq + 1
        return cls.CODE, data

    def reboot(self) -> None:
        self.epoch, self.seq = self.epoch + 1, 0

    def reading(self, load_wh: int = 10, solar_wh: int = 0, interval_s: int = 60, **fields):
        self.now_s += interval_s
        self.registers[0][0] += load_wh
        self.registers[1][1] += solar_wh
        hourly = 3600 // interval_s
        rows = [
            [*self.registers[0], load_wh * hourly, load_wh * hourly, 0],
            [*self.registers[1], -solar_wh * hourly, solar_wh * hourly, 0],
        ]
        values = {
            "interval_s": interval_s,
            "channels": rows[: len(self.channels)],
            "voltage_dv": 2300,
            "max_ma": 900,
        }
        return self.sign(Reading, **{**values, **fields})

    def powered(self, watts: int, interval_s: int = 60, **fields):
        """A reading of one channel at a constant power, positive into the device."""
        self.now_s += interval_s
        self.registers[0][watts < 0] += abs(watts) * interval_s // 3600
        row = [*self.registers[0], watts, abs(watts), 0]
        values = {
            "interval_s": interval_s,
            "channels": [row],
            "voltage_dv": 2300,
            "max_ma": 900,
        }
        return self.sign(Reading, **{**values, **fields})

    def feeder(self, load_w: int, interval_s: int = 60, **fields):
        self.now_s += interval_s
        self.registers[0][0] += load_w * interval_s // 3600
        values = {
            "interval_s": interval_s,
            "channels": [[*self.registers[0], load_w, load_w, 0]],
            "voltage_dv": 2300,
            "max_ma": 900,
            "breaker": codes.BREAKER_CLOSED,
            "trip_cause": 0,
            "reclose_count": 0,
            "limit_w": self.fixed_limit_w,
        }
        return self.sign(Feeder, **{**values, **fields})

    def event(self, kind: int, detail: list[int]):
        return self.sign(Event, kind=kind, detail=detail)

    def outcome(self, intent, status: int = codes.DONE, reason: int = 0):
        return self.sign(
            Outcome,
            command_id=intent.id,
            counter=intent.counter,
            status=status,
            reason=reason,
            asset=intent.asset,
            state=1 if intent.action == codes.CLOSE else 0,
            at_ms=self.now_s * 1000,
        )


class World:
    """A chain without an engine: blocks go straight through `finalize` into a state."""

    def __init__(self, limits: Limits | None = None, areas: int = 1) -> None:
        self.genesis = genesis(limits, areas)
        self.state = MemoryState()
        self.state.apply(self.genesis.initial_changes())
        self.height, self.now_ms = 0, START_MS
        self.nonces: dict[str, int] = {}
        self.blocks: list[BlockInput] = []

    def tx(self, signer: str, body: Body, nonce: int | None = None) -> bytes:
        self.nonces[signer] = nonce or self.nonces.get(signer, 0) + 1
        return setup.build_tx(seed_of(signer), CHAIN, self.nonces[signer], body)

    def block(self, *txs: bytes, after_s: int = 1) -> Finalized:
        self.height += 1
        self.now_ms += after_s * 1000
        block = BlockInput(CHAIN, self.height, self.now_ms, txs)
        self.blocks.append(block)
        done = app.finalize(self.state, self.genesis.params, block)
        self.state.apply(done.changes)
        return done

    def run(self, signer: str, body: Body, after_s: int = 1) -> Finalized:
        return self.block(self.tx(signer, body), after_s=after_s)

    def ok(self, signer: str, body: Body, after_s: int = 1) -> Finalized:
        done = self.run(signer, body, after_s)
        assert done.results[0].code == 0, done.results[0].log
        return done

    def send(self, *records: tuple[int, bytes], after_s: int = 1) -> list[int]:
        """Carry records in one block as the gateway; returns the admission codes."""
        done = self.ok("gateway", setup.RecordsBody(records=list(records)), after_s)
        return cbor.decode(done.results[0].data)

    def content(self) -> dict[bytes, bytes]:
        """The state but for nonces, which failed transactions use too."""
        pairs = self.state.iterate(b"")
        return {key: value for key, value in pairs if not key.startswith(b"registry/nonce/")}

    def get(self, cls: type[T], key: bytes) -> T:
        data = self.state.get(key)
        assert data is not None, key
        return unpack(cls, data)

    def enrol(
        self, board: Board, section: bytes = b"", area: int = 1, behind: bytes | None = None
    ) -> Board:
        body = setup.EnrolBody(
            enrolment=board.enrolment(), area=area, section=section, behind=behind
        )
        self.ok("installer", body)
        return board

    def give(self, owner: str, *boards: Board) -> None:
        self.ok(
            "operator",
            setup.AccountBody(
                public_key=keys.public_key(seed_of(owner)), devices=[b.address for b in boards]
            ),
        )

    def prefer(self, owner: str, board: Board, asset: int = 0, after_s: int = 1, **wishes):
        values = {
            "price_limit": 0,
            "energy": 0,
            "priority": 1,
            "run_s": 0,
            "deadline_s": 0,
            "period_s": 86_400,
            "min_on_s": 0,
            "min_off_s": 0,
            "rated_w": 0,
        }
        body = setup.PreferencesBody(device=board.address, asset=asset, **{**values, **wishes})
        return self.ok(owner, body, after_s)


def kinds(done: Finalized) -> list[str]:
    return [event.kind for event in done.all_events()]


def of_kind(done: Finalized, kind: str) -> list[dict]:
    return [event.attributes for event in done.all_events() if event.kind == kind]
