"""The config.json of a board, from its profile and what a person decides; the board checks it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from truewatt.device.chips import BLE, RS485, WIFI
from truewatt.device.errors import BadOption, BoardCannot
from truewatt.device.meter import line as meter_line
from truewatt.device.profiles import Profile

_PORTS = {"atm90e32": "spi", "ade7953": "i2c", "hlw8012": "counters", "s0": "pulses"}
_METER = "rs485_meter"
_LINK_OF = {"bus": RS485, "mqtt": WIFI, "tcp": WIFI, "ble": BLE}
_ROOT_DIGITS = 64
# Where a contact rests without a board: a breaker stays closed, loads that may wait stay open.
_SAFE = {"mlmd": ["closed"], "meter": ["closed", "open"]}


@dataclass(frozen=True)
class Wishes:
    """What a person decides about one board.

    Its ways to the gateway: `address` on a bus, `network` (mqtt's fields), `tcp` (a Modbus
    server's), `ble`. `sntp`: a time server's fields; `drift`: learn how fast the crystal is.
    `meter_profile`: the gateway's name of a bought meter on the board's second RS-485;
    `pulses_per_kwh` of S0 outputs, a channel each.
    """

    role: str
    name: str
    chain_id: str
    area: int
    operator_root: str
    address: int | None = None
    network: dict[str, Any] | None = None
    tcp: dict[str, Any] | None = None
    sntp: dict[str, Any] | None = None
    drift: bool = False
    ble: bool = False
    driver: str | None = None
    generation: bool = False
    limit_w: int | None = None
    extra: dict[str, Any] | None = None
    meter_profile: str | None = None
    meter_address: int = 1
    meter_baud: int | None = None
    pulses_per_kwh: tuple[int, ...] = ()


def compose(profile: Profile, wishes: Wishes) -> dict[str, Any]:
    """The configuration, fields that win included. Raises `BoardCannot`, `BadOption`."""
    driver = _driver(profile, wishes)
    port = _PORTS.get(driver, "uart")
    _require(profile, wishes, port)
    config: dict[str, Any] = {
        "role": wishes.role,
        "name": wishes.name,
        "chain_id": wishes.chain_id,
        "area": wishes.area,
        "operator_root": wishes.operator_root,
        "metering": {"driver": driver} | _metering(profile, wishes, port),
        "channels": _channels(wishes, driver),
        "relays": [
            {"pin": pin, "safe": safe}
            for pin, safe in zip(profile.relays, _SAFE[wishes.role], strict=False)
        ],
    }
    if wishes.address is not None:
        config["bus"] = profile.bus | {"address": wishes.address}
    config |= _without_wire(wishes)
    if profile.high:
        config["high"] = profile.high
    if profile.chip.reset_register is not None:
        config["reset_register"] = profile.chip.reset_register
    if wishes.role == "mlmd":
        config |= _breaker(profile, wishes)
    config |= wishes.extra or {}
    _require_as_it_is(profile, wishes.role, config)
    return config


def _without_wire(wishes: Wishes) -> dict[str, Any]:
    """Links on the air, and what helps the clock. Raises `BadOption`."""
    if wishes.sntp is not None and wishes.network is None and wishes.tcp is None:
        raise BadOption("a time server, but no network", wishes.name, "Give --wifi too.")
    given = {"mqtt": wishes.network, "tcp": wishes.tcp, "sntp": wishes.sntp}
    found: dict[str, Any] = {key: fields for key, fields in given.items() if fields is not None}
    if wishes.ble:
        found["ble"] = {}
    return found | ({"drift": True} if wishes.drift else {})


def _driver(profile: Profile, wishes: Wishes) -> str:
    implied = {_METER} if wishes.meter_profile else set()
    implied |= {"s0"} if wishes.pulses_per_kwh else set()
    if len(implied | ({wishes.driver} if wishes.driver else set())) > 1:
        raise BadOption(
            "more than one way to measure",
            wishes.name,
            "Give one of --driver, --meter-profile and --pulses-per-kwh.",
        )
    if wishes.driver in (_METER, "s0") and not implied:
        option = "--meter-profile" if wishes.driver == _METER else "--pulses-per-kwh"
        raise BadOption(f"{wishes.driver} needs more", "--driver", f"Give {option}.")
    return wishes.driver or next(iter(implied), None) or profile.driver or "pzem004t"


def _metering(profile: Profile, wishes: Wishes, port: str) -> dict[str, Any]:
    """Pins of the port, and what only the driver on it needs."""
    if port == "spi":
        return dict(profile.spi)
    if port == "i2c":
        return dict(profile.i2c)
    if port == "counters":
        return dict(profile.counters)
    if port == "pulses":
        count = len(wishes.pulses_per_kwh)
        if count > len(profile.pulses):
            raise BoardCannot(
                f"{profile.name} has {len(profile.pulses)} pins for S0 outputs, not {count}",
                profile.title,
                "Choose another board, or name pins in --config.",
            )
        return {"pins": profile.pulses[:count], "pulses_per_kwh": list(wishes.pulses_per_kwh)}
    pins = {name: pin for name, pin in profile.metering.items() if name != "de"}
    if wishes.meter_profile is None:
        return pins
    if "de" in profile.metering:
        pins["de"] = profile.metering["de"]
    return pins | meter_line(wishes.meter_profile, wishes.meter_baud)


def _require(profile: Profile, wishes: Wishes, metering: str) -> None:
    on_network = wishes.network is not None or wishes.tcp is not None
    ways = {RS485: wishes.address is not None, WIFI: on_network, BLE: wishes.ble}
    if not any(ways.values()):
        raise BadOption("no way to the gateway", wishes.name, "Give --address, --wifi or --ble.")
    profile.require_links({link for link, is_wanted in ways.items() if is_wanted})
    profile.require_together(wishes.address is not None, metering)
    if wishes.role == "mlmd" and not profile.relays:
        _no_relay(profile)


def _require_as_it_is(profile: Profile, role: str, config: dict[str, Any]) -> None:
    """What `_require` asks of wishes, asked of the fields that the board gets.

    Pins may be others than the profile's: whoever names them has wired them.
    """
    if config["role"] != role:
        raise BadOption(f"role {config['role']!r}, but --role {role}", "--config", "Give one role.")
    there = {key for key in _LINK_OF if config.get(key) not in (None, False)}
    profile.require_links({_LINK_OF[key] for key in there})
    bus, metering = (
        fields if isinstance(fields := config.get(key), dict) else {} for key in ("bus", "metering")
    )
    if "bus" in there and "uart" in metering:
        profile.require_two_uarts(bus.get("uart"), metering.get("uart"))
    if role == "mlmd" and not config.get("relays"):
        _no_relay(profile)


def _no_relay(profile: Profile) -> None:
    raise BoardCannot(
        f"{profile.name} can't be an M-LMD: it has no relay", profile.title, "Choose another."
    )


def _channels(wishes: Wishes, driver: str) -> list[dict[str, Any]]:
    first = wishes.meter_address if driver == _METER else 1
    if wishes.role == "mlmd":
        return [{"kind": "section", "energy": "grid", "sensor": first}]
    load = {"kind": "load", "energy": "grid", "sensor": first}
    generation = {"kind": "generation", "energy": "solar", "sensor": 2}
    if wishes.generation and driver == _METER:
        raise BadOption(
            "one meter behind a board", "--generation", "It tells import from export itself."
        )
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
