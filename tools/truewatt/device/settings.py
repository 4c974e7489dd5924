"""The config.json of a board, from its profile and what a person decides; the board checks it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from truewatt.device.chips import RS485, WIFI
from truewatt.device.errors import BadOption, BoardCannot
from truewatt.device.profiles import Profile

_SPI_DRIVERS = frozenset({"atm90e32"})
_ROOT_DIGITS = 64
# Where a contact rests without a board: a breaker stays closed, loads that may wait stay open.
_SAFE = {"mlmd": ["closed"], "meter": ["closed", "open"]}


@dataclass(frozen=True)
class Wishes:
    """What a person decides about one board. `address` on a bus, or `network` (mqtt's fields)."""

    role: str
    name: str
    chain_id: str
    area: int
    operator_root: str
    address: int | None = None
    network: dict[str, Any] | None = None
    driver: str | None = None
    generation: bool = False
    limit_w: int | None = None
    extra: dict[str, Any] | None = None


def compose(profile: Profile, wishes: Wishes) -> dict[str, Any]:
    """The configuration. Raises `BoardCannot`, `BadOption`."""
    driver = wishes.driver or profile.driver or "pzem004t"
    metering = "spi" if driver in _SPI_DRIVERS else "uart"
    _require(profile, wishes, metering)
    config: dict[str, Any] = {
        "role": wishes.role,
        "name": wishes.name,
        "chain_id": wishes.chain_id,
        "area": wishes.area,
        "operator_root": wishes.operator_root,
        "metering": {"driver": driver} | (profile.spi if metering == "spi" else profile.metering),
        "channels": _channels(wishes),
        "relays": [
            {"pin": pin, "safe": safe}
            for pin, safe in zip(profile.relays, _SAFE[wishes.role], strict=False)
        ],
    }
    if wishes.address is not None:
        config["bus"] = profile.bus | {"address": wishes.address}
    if wishes.network is not None:
        config["mqtt"] = wishes.network
    if profile.high:
        config["high"] = profile.high
    if wishes.role == "mlmd":
        config |= _breaker(profile, wishes)
    return config | (wishes.extra or {})


def _require(profile: Profile, wishes: Wishes, metering: str) -> None:
    if wishes.address is None and wishes.network is None:
        raise BadOption("no way to the gateway", wishes.name, "Give --address or --wifi, or both.")
    links = {RS485} if wishes.address is not None else set()
    profile.require_links(links | ({WIFI} if wishes.network is not None else set()))
    profile.require_together(wishes.address is not None, metering)
    if wishes.role == "mlmd" and not profile.relays:
        raise BoardCannot(
            f"{profile.name} can't be an M-LMD: it has no relay", profile.title, "Choose another."
        )


def _channels(wishes: Wishes) -> list[dict[str, Any]]:
    if wishes.role == "mlmd":
        return [{"kind": "section", "energy": "grid", "sensor": 1}]
    load = {"kind": "load", "energy": "grid", "sensor": 1}
    generation = {"kind": "generation", "energy": "solar", "sensor": 2}
    return [load, generation] if wishes.generation else [load]


def _breaker(profile: Profile, wishes: Wishes) -> dict[str, Any]:
    if wishes.limit_w is None:
        raise BadOption("an M-LMD needs its fixed limit", wishes.name, "Give --limit-w WATTS.")
    breaker = {k: v for k, v in profile.inputs.items() if k == "reset_pin"}
    return {"fixed_limit_w": wishes.limit_w, "breaker": breaker}


def read_root(text: str) -> str:
    """The operator's root key: 64 hexadecimal digits, or a file with them. Raises `BadOption`."""
    path = Path(text)
    digits = path.read_text(encoding="utf-8").strip() if path.is_file() else text
    try:
        if len(bytes.fromhex(digits)) * 2 != _ROOT_DIGITS:
            raise ValueError
    except ValueError:
        raise BadOption(
            "not a public key",
            "--operator-root",
            "Give 64 hexadecimal digits, or a file with them.",
        ) from None
    return digits


def read_extra(path: Path | None) -> dict[str, Any] | None:
    """Further fields of config.json, from a file. Raises `BadOption`."""
    if path is None:
        return None
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadOption(
            str(error), str(path), "Give a JSON object, as docs/firmware.md has it."
        ) from None
    if not isinstance(fields, dict):
        raise BadOption("not an object", str(path), "Give a JSON object.")
    return fields
