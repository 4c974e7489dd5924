"""Builds a run's folder: keys, certificates, ledger home, provisioned boards, all configurations.

What an operator and an installer do at a real site, in the same order and through the same
interfaces; only the cable to each board is emulated.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ledger import keys
from ledger.contracts.bodies import Body
from ledger.setup import (
    AccountBody,
    EnrolBody,
    PreferencesBody,
    SectionLimitBody,
    build_tx,
    certify,
    make_genesis,
    make_home,
)
from truewatt.demo import scenario as plan
from truewatt.demo.scenario import Scenario
from truewatt.emulator.board import BoardSpec, EmulatedBoard
from wireformat import codes, identity
from wireformat.control import Enrolment
from wireformat.registry import open_signed

Say = Callable[[str], None]

_CERTIFICATE_DAYS = 365
_DEVICES_PER_ACCOUNT_TX = 64
_GC_PATIENCE = 6
"""A third of what a board costs at x60 went into collections; the heap has room for 96 KiB more."""
_KEY_NAMES = ("operator", "validator", "control", "gateway", "installer", "prosumer")


@dataclass(frozen=True)
class Site:
    """A run's folder and what belongs to it."""

    run_dir: Path
    scenario: Scenario
    rpc_port: int
    seeds: dict[str, bytes]
    enrolments: dict[str, bytes]

    @property
    def operator_root(self) -> bytes:
        """Public key that everything else hangs from."""
        return keys.public_key(self.seeds["operator"])

    @property
    def rpc_url(self) -> str:
        """Where the ledger answers."""
        return f"http://127.0.0.1:{self.rpc_port}"

    @property
    def ledger_home(self) -> Path:
        """The ledger's folder."""
        return self.run_dir / "ledger"

    @property
    def gateway_config(self) -> Path:
        """The gateway's TOML file."""
        return self.run_dir / "gateway.toml"

    @property
    def addresses(self) -> dict[str, bytes]:
        """Each board's 20-byte address, from its own enrolment."""
        return {name: identity.address(self._key(name)) for name in self.enrolments}

    def _key(self, name: str) -> bytes:
        record = open_signed(Enrolment.CODE, self.enrolments[name], plan.CHAIN_ID).record
        assert isinstance(record, Enrolment)
        return record.public_key

    def board(self, name: str, environment: dict[str, str] | None = None) -> EmulatedBoard:
        """The emulated board of that name, off."""
        return make_board(self.run_dir, self.scenario, name, environment)


def make_board(
    run_dir: Path, scenario: Scenario, name: str, environment: dict[str, str] | None = None
) -> EmulatedBoard:
    """A board in its folder below `run_dir`, wired to the rig's lines."""
    lines = run_dir / "rig" / "tty"
    spec = BoardSpec(
        name=name,
        uart1=lines / f"{name}.uart1",
        uart2=lines / f"{name}.uart2",
        pins=run_dir / "rig" / f"{name}.pins",
        spi=run_dir / "rig" / f"{name}.spi" if name in scenario.mlmds else None,
        arch=scenario.arch,
        gc_patience=_GC_PATIENCE,
    )
    return EmulatedBoard(run_dir / "boards" / name, spec, environment)


def build(run_dir: Path, scenario: Scenario, rpc_port: int, say: Say) -> Site:
    """Make everything that must be there before the first process starts."""
    run_dir.mkdir(parents=True)
    say("keys of operator, authority, gateway, installer and prosumer")
    seeds = {name: keys.create_seed(run_dir / "keys" / f"{name}.key") for name in _KEY_NAMES}
    _ledger_home(run_dir, scenario, seeds)
    (run_dir / "rig.json").write_text(json.dumps(plan.rig_config(scenario), indent=1))
    root = keys.public_key(seeds["operator"])
    enrolments = _provision(run_dir, scenario, root, say)
    site = Site(run_dir, scenario, rpc_port, seeds, enrolments)
    site.gateway_config.write_text(_gateway_toml(site))
    return site


def _provision(run_dir: Path, scenario: Scenario, root: bytes, say: Say) -> dict[str, bytes]:
    """Each board makes its key and takes its configuration; as many at once as there are cores."""

    def provision(name: str) -> bytes:
        config = plan.board_config(scenario, name, root)
        return make_board(run_dir, scenario, name).provision(config)

    names, enrolments = scenario.boards, {}
    with ThreadPoolExecutor(os.cpu_count()) as programmers:
        for name, enrolment in zip(names, programmers.map(provision, names), strict=True):
            enrolments[name] = enrolment
            say(f"board {name} has its key and configuration ({len(enrolments)}/{len(names)})")
    return enrolments


def _ledger_home(run_dir: Path, scenario: Scenario, seeds: dict[str, bytes]) -> None:
    expires_s = scenario.start_ms // 1000 + _CERTIFICATE_DAYS * plan.UTC_DAY_S

    def certificate(role: int, holder: str) -> bytes:
        return certify(
            seeds["operator"],
            plan.CHAIN_ID,
            role=role,
            area=plan.AREA,
            public_key=keys.public_key(seeds[holder]),
            serial=1,
            expires_s=expires_s,
        )

    ack = certificate(codes.ACK, "gateway")
    (run_dir / "gateway").mkdir()
    (run_dir / "gateway" / "ack.cert").write_text(ack.hex() + "\n")
    certificates = (
        certificate(codes.CONTROL, "control"),
        ack,
        certificate(codes.INSTALLER, "installer"),
    )
    root = keys.public_key(seeds["operator"])
    params = plan.chain_params(root, certificates, len(scenario.homes))
    genesis = make_genesis(
        chain_id=plan.CHAIN_ID,
        time_ms=scenario.start_ms,
        operator_root=root,
        validator_public_key=keys.public_key(seeds["validator"]),
        areas=params.areas,
        certificates=params.certificates,
        limits=params.limits,
    )
    make_home(run_dir / "ledger", genesis, seeds["validator"], seeds["control"])


def _gateway_toml(site: Site) -> str:
    lines = [
        "# Written by `truewatt demo`; what each key means: docs/gateway.md",
        "[gateway]",
        'name = "demo"',
        f"area = {plan.AREA}",
        'data_dir = "gateway"',
        'key_file = "keys/gateway.key"',
        'ack_certificate = "gateway/ack.cert"',
        f"poll_s = {plan.GATEWAY_POLL_S}",
        "beacon_s = 900",
        "",
        "[ledger]",
        f'rpc = "{site.rpc_url}"',
        f'chain_id = "{plan.CHAIN_ID}"',
        f'operator_root = "{site.operator_root.hex()}"',
        'genesis = "ledger/genesis.json"',
    ]
    for section in site.scenario.sections:
        lines += _bus_toml(site, section)
    return "\n".join(lines) + "\n"


def _bus_toml(site: Site, section: plan.Section) -> list[str]:
    lines = [
        "",
        "[[bus]]",
        f'name = "{section.bus}"',
        f'port = "rig/tty/{section.bus}"',
        "baud = 9600",
    ]
    for name in section.boards:
        address = plan.board_config(site.scenario, name, site.operator_root)["bus"]
        assert isinstance(address, dict)
        lines += ["", "[[bus.device]]", f"address = {address['address']}", f'name = "{name}"']
    return lines


def enrolments(site: Site) -> list[bytes]:
    """What the installer hands in: each board's enrolment, with the M-LMD that it is behind."""
    addresses, mlmds = site.addresses, site.scenario.mlmds
    bodies = [
        EnrolBody(
            enrolment=site.enrolments[name],
            area=plan.AREA,
            section=b"" if name in mlmds else addresses[site.scenario.section_of(name).mlmd],
        )
        for name in site.scenario.boards
    ]
    return _signed(site, "installer", bodies)


def orders(site: Site) -> list[bytes]:
    """What people want: the operator registers the owner and limits each section's evening load,
    the owner says what each asset may cost and when it must have run."""
    addresses = site.addresses
    meters = [addresses[home.meter] for home in site.scenario.homes]
    owner = keys.public_key(site.seeds["prosumer"])
    accounts = [
        AccountBody(public_key=owner, devices=meters[at : at + _DEVICES_PER_ACCOUNT_TX])
        for at in range(0, len(meters), _DEVICES_PER_ACCOUNT_TX)
    ]
    limits = [
        SectionLimitBody(
            mlmd=addresses[section.mlmd],
            limit_w=section.evening_limit_w,
            until_s=site.scenario.start_ms // 1000 + plan.UTC_DAY_S,
        )
        for section in site.scenario.sections
    ]
    wishes = [
        body for home in site.scenario.homes for body in _preferences(home, addresses[home.meter])
    ]
    return _signed(site, "operator", [*accounts, *limits]) + _signed(site, "prosumer", wishes)


def _signed(site: Site, who: str, bodies: Sequence[Body]) -> list[bytes]:
    """Transactions of one signer, who signs nothing else in a run: nonces count from 1."""
    return [
        build_tx(site.seeds[who], plan.CHAIN_ID, nonce, body)
        for nonce, body in enumerate(bodies, 1)
    ]


def _preferences(home: plan.HomePlan, device: bytes) -> list[PreferencesBody]:
    """The heater may wait an hour or two; the car must have charged by its deadline."""
    common = {"device": device, "energy": 0, "period_s": plan.UTC_DAY_S}
    heater = PreferencesBody(
        **common,
        asset=plan.WATER_HEATER,
        price_limit=home.price_limit + 60_000,
        priority=2,
        run_s=0,
        deadline_s=0,
        min_on_s=300,
        min_off_s=600,
        rated_w=home.heater_w,
    )
    ev = PreferencesBody(
        **common,
        asset=plan.EV,
        price_limit=home.price_limit,
        priority=1,
        run_s=3600 * home.ev_need_wh // home.ev_w,
        deadline_s=home.ev_deadline_s,
        min_on_s=900,
        min_off_s=900,
        rated_w=home.ev_w,
    )
    return [heater, ev]
