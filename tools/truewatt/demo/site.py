"""Builds a run's folder: keys, certificates, ledger home, provisioned boards, all configurations.

What an operator and an installer do at a real site, in the same order and through the same
interfaces; only the cable to each board is emulated.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from gateway.attest.devices import joining
from gateway.config import load_config
from ledger import keys
from ledger.contracts.bodies import Body
from ledger.contracts.objects import LossModel
from ledger.setup import (
    AccountBody,
    EnrolBody,
    LossModelBody,
    SectionLimitBody,
    build_tx,
    certify,
    make_genesis,
    make_home,
)
from truewatt.demo import plant, wishes
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
    """A run's folder and what belongs to it.

    `enrolments`: of the boards, signed with their own keys. `attested`: of commercial devices, for
    which the gateway signs.
    """

    run_dir: Path
    scenario: Scenario
    rpc_port: int
    seeds: dict[str, bytes]
    enrolments: dict[str, bytes]
    attested: dict[str, bytes] = field(default_factory=dict)

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
        return {name: _address(data) for name, data in self.enrolments.items()}

    @property
    def attested_addresses(self) -> dict[str, bytes]:
        """The same of each commercial device."""
        return {name: _address(data) for name, data in self.attested.items()}

    def board(self, name: str, environment: dict[str, str] | None = None) -> EmulatedBoard:
        """The emulated board of that name, off."""
        return make_board(self.run_dir, self.scenario, name, environment)


def _address(enrolment: bytes) -> bytes:
    record = open_signed(Enrolment.CODE, enrolment, plan.CHAIN_ID).record
    assert isinstance(record, Enrolment)
    return identity.address(record.public_key)


def make_board(
    run_dir: Path, scenario: Scenario, name: str, environment: dict[str, str] | None = None
) -> EmulatedBoard:
    """A board in its folder below `run_dir`, wired to the rig's lines."""
    lines, pace = run_dir / "rig" / "tty", scenario.pace
    spec = BoardSpec(
        name=name,
        uart1=None if pace.broker_port else lines / f"{name}.uart1",
        uart2=lines / f"{name}.uart2",
        pins=run_dir / "rig" / f"{name}.pins",
        spi=run_dir / "rig" / f"{name}.spi" if name in scenario.mlmds else None,
        arch=scenario.arch,
        radio=pace.broker_port > 0,
        paced=pace.paced,
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
    if not scenario.devices:
        return site
    say(f"keys of {len(scenario.devices)} commercial devices, for which the gateway signs")
    joined = joining(load_config(site.gateway_config))
    return replace(site, attested={one.config.name: one.enrolment for one in joined})


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
        f"poll_s = {site.scenario.pace.poll_s}",
        "beacon_s = 900",
        "",
        "[ledger]",
        f'rpc = "{site.rpc_url}"',
        f'chain_id = "{plan.CHAIN_ID}"',
        f'operator_root = "{site.operator_root.hex()}"',
        'genesis = "ledger/genesis.json"',
    ]
    port = site.scenario.pace.broker_port
    lines += ["", "[mqtt]", 'host = "127.0.0.1"', f"port = {port}"] if port else []
    for section in site.scenario.sections if not port else ():
        lines += _bus_toml(site, section)
    lines += plant.gateway_toml(site.scenario.devices)
    return "\n".join(lines) + "\n"


def _bus_toml(site: Site, section: plan.Section) -> list[str]:
    lines = [
        "",
        "[[bus]]",
        f'name = "{section.bus}"',
        f'port = "rig/tty/{section.bus}"',
        f"baud = {site.scenario.pace.baud}",
    ]
    for name in section.boards:
        address = plan.board_config(site.scenario, name, site.operator_root)["bus"]
        assert isinstance(address, dict)
        lines += ["", "[[bus.device]]", f"address = {address['address']}", f'name = "{name}"']
    return lines


def enrolments(site: Site) -> list[bytes]:
    """What the installer hands in: each board's and device's enrolment, with the M-LMD that it is
    behind."""
    addresses, mlmds = site.addresses, site.scenario.mlmds
    bodies = [
        EnrolBody(
            enrolment=site.enrolments[name],
            area=plan.AREA,
            section=b"" if name in mlmds else addresses[site.scenario.section_of(name).mlmd],
        )
        for name in site.scenario.boards
    ]
    bodies += [
        EnrolBody(
            enrolment=site.attested[device.name],
            area=plan.AREA,
            section=addresses[device.section] if device.section else b"",
        )
        for device in site.scenario.devices
    ]
    return _signed(site, "installer", bodies)


def orders(site: Site) -> list[bytes]:
    """What people want: the operator registers the owner, limits each section's evening
    load and what it may lose, the owner says what each asset may cost and when it must have run."""
    addresses, attested = site.addresses, site.attested_addresses
    owned = [addresses[home.meter] for home in site.scenario.homes]
    owned += [attested[device.name] for device in site.scenario.devices if device.home]
    owner = keys.public_key(site.seeds["prosumer"])
    accounts = [
        AccountBody(public_key=owner, devices=owned[at : at + _DEVICES_PER_ACCOUNT_TX])
        for at in range(0, len(owned), _DEVICES_PER_ACCOUNT_TX)
    ]
    limits = [
        SectionLimitBody(
            mlmd=addresses[section.mlmd],
            limit_w=section.evening_limit_w,
            until_s=site.scenario.start_ms // 1000 + plan.UTC_DAY_S,
        )
        for section in site.scenario.sections
    ]
    models = [_loss_model(section, addresses[section.mlmd]) for section in site.scenario.sections]
    return _signed(site, "operator", [*accounts, *limits, *models]) + _signed(
        site, "prosumer", _wishes(site)
    )


def _loss_model(section: plan.Section, mlmd: bytes) -> LossModelBody:
    usual = LossModel()
    return LossModelBody(
        mlmd=mlmd,
        fixed_w=usual.fixed_w,
        quadratic_mw=section.loss_mw_per_kw2,
        accuracy_ppm=usual.accuracy_ppm,
        margin_wh=usual.margin_wh,
        skew_s=usual.skew_s,
    )


def _wishes(site: Site) -> list[Body]:
    addresses, attested = site.addresses, site.attested_addresses
    wanted: list[Body] = []
    for home in site.scenario.homes:
        wanted += wishes.of_meter(home, addresses[home.meter])
        if home.battery:
            wanted.append(wishes.of_battery(attested[home.battery]))
        if home.charger:
            wanted.append(wishes.of_charger(home, attested[home.charger]))
    return wanted


def _signed(site: Site, who: str, bodies: Sequence[Body]) -> list[bytes]:
    """Transactions of one signer, who signs nothing else in a run: nonces count from 1."""
    return [
        build_tx(site.seeds[who], plan.CHAIN_ID, nonce, body)
        for nonce, body in enumerate(bodies, 1)
    ]
