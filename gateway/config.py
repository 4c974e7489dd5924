"""A gateway's configuration: one TOML file, every error of it told at once.

    load_config(path) -> Config        # or ConfigError with all problems

Relative paths count from the file's folder. Times in `Config` are in the run's clock, except
`timeout_ms` and `gap_ms` of a bus, which are wall time.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from gateway.driver_enable import Rs485Config, driver_enables
from gateway.errors import GatewayError
from gateway.schema import GATEWAY_FILE, Problem, check_table

MAX_FILE_BYTES = 1 << 20
MODBUS_TCP_PORT = 502
P1 = "p1_"
"""What profiles of P1 ports begin with."""

BOARDS, METERS = "bus.device", "bus.meter"


class ConfigError(GatewayError):
    """A configuration file that can't be used; `problems` has every one of its faults."""

    code = "bad_config"

    def __init__(self, file: Path, problems: list[Problem]) -> None:
        self.file = file
        self.problems = problems
        lines = "".join(f"\n  {file}: {problem}" for problem in problems)
        super().__init__(f"{len(problems)} problem(s) in {file}{lines}")

    def __str__(self) -> str:
        return self.what


@dataclass(frozen=True)
class DeviceConfig:
    """One place on a bus: the Modbus address, and what people call the board there.

    `max_power_w` 0: the gateway's limit for a board of its role.
    """

    address: int
    name: str
    max_power_w: int


@dataclass(frozen=True)
class MeterConfig:
    """A commercial device on a bus, for which the gateway signs (see `gateway.attest`).

    `kind` and `energy`: what its channel measures, by the names of `wireformat.codes`. `serial`:
    the number on its label, ""  if the profile reads it. `phases`: wired, 0 for those of the
    profile. `max_power_w` 0: what the profile allows. `control`: whether commands may reach it.
    """

    address: int
    name: str
    profile: str
    kind: str = "load"
    energy: str = "grid"
    serial: str = ""
    phases: int = 0
    max_power_w: int = 0
    unconfirmed: bool = False
    control: bool = True


@dataclass(frozen=True)
class BusConfig:
    """One serial line, or `tcp://host[:port]`, and the boards and commercial devices on it.

    `rs485`: the kernel switches the transceiver by RTS; None: it switches by itself.
    """

    name: str
    port: str
    baud: int
    parity: str
    timeout_ms: int
    gap_ms: int
    devices: tuple[DeviceConfig, ...]
    meters: tuple[MeterConfig, ...] = ()
    rs485: Rs485Config | None = None


@dataclass(frozen=True)
class LedgerConfig:
    """Where the chain is served and what of it is trusted from the start."""

    rpc: str
    chain_id: str
    operator_root: bytes
    genesis: Path
    trusting_period_s: int
    trusted: tuple[int, bytes] | None = None
    """Height and hash of a block to begin at; None: block 1, by the genesis."""


@dataclass(frozen=True)
class MqttConfig:
    """The broker that boards over the air meet at. `embedded`: this gateway runs one itself, as it
    does where the file names no host.

    With a `ca_file` the connection is TLS; `certificate` and `private_key` are what this gateway
    shows there.
    """

    host: str
    port: int
    embedded: bool = False
    client_id: str = ""
    ca_file: Path | None = None
    certificate: Path | None = None
    private_key: Path | None = None
    user: str = ""
    password: str = ""


@dataclass(frozen=True)
class BleConfig:
    """Boards over BLE, by what they call themselves or by their BLE addresses."""

    adapter: str
    devices: tuple[str, ...]
    passkey_file: Path


@dataclass(frozen=True)
class Config:
    """All of a gateway's configuration."""

    name: str
    area: int
    data_dir: Path
    key_file: Path
    ack_certificate: Path
    poll_s: int
    beacon_s: int
    batch_records: int
    submit: str
    clock_ahead_s: int
    clock_age_s: int
    keep_days: int
    max_channel_w: int
    max_section_w: int
    ledger: LedgerConfig
    buses: tuple[BusConfig, ...]
    mqtt: MqttConfig | None = None
    ble: BleConfig | None = None


def load_config(path: Path) -> Config:
    """Read and check the file at `path`; raises `ConfigError` with every problem found."""
    problems: list[Problem] = []
    raw = _parse(path)
    values = check_table(raw, GATEWAY_FILE, "", problems)
    problems += [
        *_name_clashes(values),
        *_half_trust(values),
        *_places(values),
        *driver_enables(_buses(values)),
        *_links(raw, values),
    ]
    if problems:
        raise ConfigError(path, problems)
    return _config(values, path.absolute().parent, "mqtt" in cast(dict[str, object], raw))


def missing_files(config: Config) -> list[Problem]:
    """Files that a run needs and that aren't there yet (`check-config` says so)."""
    wanted = {
        "gateway.key_file": config.key_file,
        "gateway.ack_certificate": config.ack_certificate,
        "ledger.genesis": config.ledger.genesis,
    }
    if config.ble is not None:
        wanted["ble.passkey_file"] = config.ble.passkey_file
    return [
        Problem(key, str(path), "a file that exists and can be read")
        for key, path in wanted.items()
        if not path.is_file()
    ]


def _parse(path: Path) -> object:
    try:
        raw = path.read_bytes()
        if len(raw) > MAX_FILE_BYTES:
            raise ConfigError(path, [Problem("(file)", f"{len(raw)} bytes", "at most 1 MiB")])
        return tomllib.loads(raw.decode())
    except OSError as error:
        problem = Problem("(file)", error.strerror or str(error), "a file that can be read")
        raise ConfigError(path, [problem]) from error
    except UnicodeDecodeError as error:
        problem = Problem("(file)", f"byte {error.start}", "UTF-8 text")
        raise ConfigError(path, [problem]) from error
    except (ValueError, RecursionError) as error:
        # Beside its own errors, tomllib lets those of int() through: too many digits.
        raise ConfigError(path, [Problem("(file)", str(error), "valid TOML 1.0")]) from error


def tcp_address(port: str) -> tuple[str, int] | None:
    """Host and port of `tcp://host[:port]`; None for a serial line's device."""
    if not port.startswith("tcp://"):
        return None
    parts = urlsplit(port)
    return parts.hostname or "", parts.port or MODBUS_TCP_PORT


def _buses(values: dict[str, object]) -> Iterator[tuple[str, dict[str, object]]]:
    for index, bus in enumerate(cast(list[dict[str, object]], values.get("bus", []))):
        yield f"bus[{index}]", bus


def _on_bus(key: str, bus: dict[str, object]) -> Iterator[tuple[str, dict[str, object]]]:
    """What is on a bus, with its key: boards, then commercial devices."""
    for kind in ("device", "meter"):
        for index, row in enumerate(cast(list[dict[str, object]], bus.get(kind, []))):
            yield f"{key}.{kind}[{index}]", row


def is_p1(config: BusConfig) -> bool:
    """Whether it is a smart meter's P1 port, on which nothing can be asked."""
    return any(meter.profile.startswith(P1) for meter in config.meters)


def _name_clashes(values: dict[str, object]) -> list[Problem]:
    """Names must differ over all buses: status and logs know boards by them."""
    problems = []
    first: dict[object, str] = {}
    for key, bus in _buses(values):
        for where, row in _on_bus(key, bus):
            name = row.get("name")
            group = where.rpartition("[")[0]
            # Twice in one table is reported by the schema already.
            if name in first and first[name].rpartition("[")[0] != group:
                expected = f"another than that of {first[name]}.name"
                problems.append(Problem(f"{where}.name", repr(name), expected))
            if name is not None:
                first.setdefault(name, where)
    return problems


def _places(values: dict[str, object]) -> Iterator[Problem]:
    """A bus has somebody on it, and one on each address."""
    for key, bus in _buses(values):
        rows = list(_on_bus(key, bus))
        if not rows:
            yield Problem(key, "", f"at least one [[{BOARDS}]] or [[{METERS}]]")
        if len(rows) > 1 and any(str(row.get("profile", "")).startswith(P1) for _, row in rows):
            yield Problem(key, f"{len(rows)} places", "nobody beside the meter at a P1 port")
        boards = {row.get("address"): where for where, row in rows if ".device[" in where}
        for where, row in rows:
            other = boards.get(row.get("address"))
            if ".meter[" in where and other is not None and row.get("address") is not None:
                expected = f"another than that of {other}: each must be unique"
                yield Problem(f"{where}.address", str(row["address"]), expected)


def _half_trust(values: dict[str, object]) -> list[Problem]:
    ledger = cast(dict[str, object], values.get("ledger", {}))
    height, block_hash = ledger.get("trusted_height"), ledger.get("trusted_hash")
    if bool(height) == bool(block_hash):
        return []
    missing = "trusted_hash" if height else "trusted_height"
    return [Problem(f"ledger.{missing}", "", "to stand beside the other of the two; it is missing")]


def _links(raw: object, values: dict[str, object]) -> list[Problem]:
    """There must be a way to boards, and a broker is either here or somewhere."""
    mqtt = cast(dict[str, object], values.get("mqtt", {}))
    problems = list(_ble_lacks(raw, values))
    if not isinstance(raw, dict) or "mqtt" not in raw:
        if isinstance(raw, dict) and raw.get("bus", []) == [] and "ble" not in raw:
            return [Problem("bus", "", "at least 1 table [[bus]], or [mqtt], or [ble]")]
        return problems
    if not mqtt.get("host") and mqtt.get("embedded") is False:
        problems.append(Problem("mqtt.host", "", "the broker's host, where embedded = false"))
    elif _is_embedded(mqtt):
        return [*problems, *_not_embedded(mqtt)]
    if bool(mqtt.get("certificate")) != bool(mqtt.get("private_key")):
        problems.append(Problem("mqtt.certificate", "", "to stand beside mqtt.private_key"))
    if mqtt.get("certificate") and not mqtt.get("ca_file"):
        problems.append(
            Problem("mqtt.ca_file", "", "the broker's CA, where a certificate is shown")
        )
    return problems


def _is_embedded(mqtt: dict[str, object]) -> bool:
    """Said so, or there is no host to go to."""
    said = mqtt.get("embedded")
    return not mqtt.get("host") if said is None else bool(said)


def _not_embedded(mqtt: dict[str, object]) -> Iterator[Problem]:
    """What only another broker has: whoever writes it forgot its host."""
    for key in (*_MQTT_FILES, "user", "password_file"):
        if mqtt.get(key):
            expected = "a broker of its own (mqtt.host): the embedded one has no TLS and no users"
            yield Problem(f"mqtt.{key}", "", expected)


def _ble_lacks(raw: object, values: dict[str, object]) -> Iterator[Problem]:
    ble = cast(dict[str, object], values.get("ble", {}))
    for key in ("devices", "passkey_file"):
        if isinstance(raw, dict) and "ble" in raw and not ble.get(key, True):
            yield Problem(f"ble.{key}", "", "to be there, in [ble]")


def _ble(row: dict[str, object], base: Path) -> BleConfig | None:
    if not row["devices"]:
        return None
    return BleConfig(
        adapter=cast(str, row["adapter"]),
        devices=tuple(cast(list[str], row["devices"])),
        passkey_file=base / cast(str, row["passkey_file"]),
    )


def _mqtt(row: dict[str, object], base: Path) -> MqttConfig:
    files = {key: base / cast(str, row[key]) for key in _MQTT_FILES if row[key]}
    password = ""
    if row["password_file"]:
        where = base / cast(str, row["password_file"])
        try:
            password = where.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(where, [Problem("mqtt.password_file", "", str(error))]) from error
    return MqttConfig(
        host=cast(str, row["host"]) or "127.0.0.1",
        port=cast(int, row["port"]) or (8883 if "ca_file" in files else 1883),
        embedded=_is_embedded(row),
        client_id=cast(str, row["client_id"]),
        user=cast(str, row["user"]),
        password=password,
        **files,
    )


_MQTT_FILES = ("ca_file", "certificate", "private_key")


def _config(values: Mapping[str, object], base: Path, on_air: bool) -> Config:
    top = dict(cast(dict[str, object], values["gateway"]))
    for name in ("data_dir", "key_file", "ack_certificate"):
        top[name] = base / cast(str, top[name])
    rows = cast(list[dict[str, object]], values["bus"])
    buses = tuple(_bus(row, base) for row in rows)
    ledger = _ledger(cast(dict[str, object], values["ledger"]), base)
    mqtt = _mqtt(cast(dict[str, object], values["mqtt"]), base) if on_air else None
    ble = _ble(cast(dict[str, object], values["ble"]), base)
    links = {"buses": buses, "mqtt": mqtt, "ble": ble}
    return Config(**top, ledger=ledger, **links)  # type: ignore[arg-type]


def _ledger(row: dict[str, object], base: Path) -> LedgerConfig:
    return LedgerConfig(
        rpc=cast(str, row["rpc"]).rstrip("/"),
        chain_id=cast(str, row["chain_id"]),
        operator_root=bytes.fromhex(cast(str, row["operator_root"])),
        genesis=base / cast(str, row["genesis"]),
        trusting_period_s=cast(int, row["trusting_period_s"]),
        trusted=_trusted(row),
    )


def _trusted(row: dict[str, object]) -> tuple[int, bytes] | None:
    height = cast(int, row["trusted_height"])
    return (height, bytes.fromhex(cast(str, row["trusted_hash"]))) if height else None


def _bus(row: dict[str, object], base: Path) -> BusConfig:
    fields = {key: value for key, value in row.items() if key not in ("device", "meter", "rs485")}
    rs485 = cast(dict[str, object], row["rs485"])
    if rs485["rts_on_send"] is not None:
        fields["rs485"] = Rs485Config(**rs485)  # type: ignore[arg-type]
    port = cast(str, row["port"])
    fields["port"] = port if tcp_address(port) else str(base / port)
    devices = tuple(
        DeviceConfig(
            cast(int, device["address"]),
            cast(str, device["name"]),
            cast(int, device["max_power_w"]),
        )
        for device in cast(list[dict[str, object]], row["device"])
    )
    rows = cast(list[dict[str, object]], row["meter"])
    meters = tuple(MeterConfig(**meter) for meter in rows)  # type: ignore[arg-type]
    return BusConfig(**fields, devices=devices, meters=meters)  # type: ignore[arg-type]
