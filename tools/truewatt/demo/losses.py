"""The loss rule in a run: a theft if one is wanted, and what the chain says of losses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.clock import Clock
from ledger.contracts import losses
from ledger.contracts.objects import LossAccount, Suspects, unpack
from ledger.contracts.suspects import ranking
from ledger.engine.chain import genesis_id
from ledger.engine.db import ChainDb
from ledger.engine.home import Home
from truewatt.demo.html.chain import Finding, read_chain
from truewatt.demo.observer import Observer
from truewatt.demo.physics_log import PhysicsLog
from truewatt.demo.supervisor import Supervisor
from truewatt.emulator.rig_control import ask_rig

if TYPE_CHECKING:
    from truewatt.demo.site import Site

DEFAULT_SHARE = 0.6
SUSPECTED, SURPLUS = "suspected", "surplus"
_MINUTE_MS = 60_000


@dataclass(frozen=True)
class Theft:
    """That share of a home's load flows around its meter, from the start of the run on."""

    home: str
    share: float = DEFAULT_SHARE


class BadTheft(ValueError):
    """What stands behind `--theft` is no theft; says what is expected."""


def parse_theft(text: str) -> Theft:
    """HOME or HOME:SHARE; raises `BadTheft`."""
    home, _, share = text.partition(":")
    try:
        value = float(share) if share else DEFAULT_SHARE
    except ValueError as error:
        raise BadTheft(f"share {share!r}: expected a number above 0 and at most 1") from error
    if not home or not 0 < value <= 1:
        raise BadTheft(f"{text!r}: expected HOME or HOME:SHARE, a share above 0 and at most 1")
    return Theft(home, value)


class LossWatch(Observer):
    """Bypasses a home's meter if there is a `theft`, and reads at the end what the chain told.

    `is_judged`: nobody else can add loads or bypass meters, so an alarm without a theft is false.
    """

    def __init__(self, theft: Theft | None, is_judged: bool, tell: Callable[[str], None]) -> None:
        self._theft, self._is_judged, self._tell = theft, is_judged, tell
        self._site: Site | None = None
        self._since_ms = 0
        self._alarms: list[Finding] = []

    async def start(self, site: Site, clock: Clock, supervisor: Supervisor) -> None:
        self._site, self._since_ms = site, clock.unix_ms()
        theft = self._theft
        if theft is not None:
            control = site.run_dir / "rig" / "control.sock"
            words = {"cmd": "bypass", "home": theft.home, "share": theft.share}
            await asyncio.to_thread(ask_rig, control, **words)
            self._tell(f"{theft.home}: {theft.share:.0%} of the load flows around the meter")

    def findings(self) -> dict[str, object]:
        if self._site is None:
            return {}
        names = _names(self._site)
        told = read_chain(self._site.ledger_home, names).losses
        self._alarms = [one for one in told if one.what in (SUSPECTED, SURPLUS)]
        sections, ranked = read_losses(self._site.ledger_home, names)
        found: dict[str, object] = {
            "losses": {"alarms": [asdict(one) for one in self._alarms], "sections": sections}
        }
        if self._theft is not None:
            found["theft"] = self._verdict(self._site, self._theft, ranked)
        return found

    def _verdict(
        self, site: Site, theft: Theft, ranked: Mapping[str, list[dict[str, object]]]
    ) -> dict[str, object]:
        home = next(one for one in site.scenario.homes if one.name == theft.home)
        alarms = [a for a in self._alarms if (a.section, a.what) == (home.section, SUSPECTED)]
        found_ms = alarms[0].at_ms if alarms else None
        order = ranked.get(home.section, [])
        physics = PhysicsLog(site.run_dir / "rig" / "physics.csv")
        return {
            "home": theft.home,
            "meter": home.meter,
            "section": home.section,
            "share": theft.share,
            "since_ms": self._since_ms,
            "bypassed_wh": round(physics.peak(f"{theft.home}.bypassed_wh"), 1),
            "found": found_ms is not None,
            "found_ms": found_ms,
            "after_min": None if found_ms is None else (found_ms - self._since_ms) // _MINUTE_MS,
            "likely": alarms[-1].likely if alarms else "",
            "ranked_first": order[0]["meter"] if order else "",
            "ranking": order,
        }

    def failures(self) -> list[str]:
        if not self._is_judged or self._site is None:
            return []
        bypassed = None if self._theft is None else self._theft.home
        guilty = {home.section for home in self._site.scenario.homes if home.name == bypassed}
        return [
            f"a false alarm: losses {one.what} behind {one.section}, where nobody steals"
            for one in self._alarms
            if one.section not in guilty
        ]


def _names(site: Site) -> dict[str, str]:
    everyone = {**site.addresses, **site.attested_addresses}
    return {address.hex(): name for name, address in everyone.items()}


def read_losses(
    home_path: Path, names: Mapping[str, str]
) -> tuple[dict[str, dict[str, object]], dict[str, list[dict[str, object]]]]:
    """By M-LMD: the contract's account of losses, and the meters as it ranks them."""
    home = Home(home_path)
    with closing(ChainDb.open(home.database, genesis_id(home.genesis()), readonly=True)) as db:
        state = db.state()
    sections: dict[str, dict[str, object]] = {}
    ranked: dict[str, list[dict[str, object]]] = {}
    for key, value in state.items():
        if key.startswith(losses.ACCOUNT):
            sections[_mlmd(key, losses.ACCOUNT, names)] = _account(unpack(LossAccount, value))
        elif key.startswith(losses.SUSPECTS):
            ranked[_mlmd(key, losses.SUSPECTS, names)] = _ranking(unpack(Suspects, value), names)
    return dict(sorted(sections.items())), ranked


def _mlmd(key: bytes, prefix: bytes, names: Mapping[str, str]) -> str:
    address = key[len(prefix) + 4 :].hex()
    return names.get(address, address)


def _account(account: LossAccount) -> dict[str, object]:
    return {
        "intervals": account.intervals,
        "import_wh": account.import_wh,
        "export_wh": account.export_wh,
        "signed_wh": account.signed_wh,
        "attested_wh": account.attested_wh,
        "technical_wh": account.technical_wh,
        "residual_wh": account.residual_wh,
        "missing_wh": account.high,
        "surplus_wh": account.low,
        "limit_wh": account.limit_wh,
        "suspected": bool(account.suspected_slot),
    }


def _ranking(sums: Suspects, names: Mapping[str, str]) -> list[dict[str, object]]:
    return [
        {
            "meter": names.get(one.address.hex(), one.address.hex()),
            "score": one.score,
            "fit": one.fit,
            "drop": one.drop,
            "share": one.share,
        }
        for one in ranking(sums)
    ]
