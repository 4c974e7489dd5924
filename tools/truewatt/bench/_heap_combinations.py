"""Which combinations of role, metering chip, links and options the heap bench lets work.

Each role with each chip on each link; then what else provisioning permits, where it comes nearest
to the bar; and a few that it refuses. What is not here is refused, or leaves more by the sum of its
parts (`truewatt.device.heap`), each of which is here beside others.
"""

from dataclasses import dataclass, field
from typing import Any

from truewatt.bench._heap_chips import BOUGHT_METER, COUNTED
from truewatt.bench._heap_master import AREA, CHAIN, ROOT
from truewatt.device.meter import line as meter_line

HEAP_KIB = 112
_ROLES = {"meter": "meter", "mlmd": "M-LMD"}
_CHIPS = {
    "ade7953": "ADE7953",
    "atm90e32": "ATM90E32",
    "bl0942": "BL0942",
    "cse7766": "CSE7766",
    "hlw8012": "HLW8012",
    "pzem004t": "PZEM",
    "rs485_meter": "bought meter",
    "s0": "S0",
}
_LINKS = {"bus": "bus", "tcp": "Modbus TCP", "mqtt": "MQTT", "ble": "BLE"}
_NETWORK = {"ssid": "site", "psk": "secret"}
_SWITCHES = {"lockout": {"pin": 4}, "tamper": {"pin": 18}}
_METER_SWITCHES = _SWITCHES | {"opt_out": {"pin": 5}}
_RELAYS = [{"pin": 26, "safe": "closed"}, {"pin": 27, "safe": "open"}]
_SENSED = [{**relay, "sense": 32 + at} for at, relay in enumerate(_RELAYS)]
_PAIR = [{"pin": 26, "safe": "open"}, {"pin": 27, "safe": "open"}]
SWITCHED: dict[str, dict[str, Any]] = {
    "meter": _METER_SWITCHES | {"relays": _SENSED},
    "mlmd": _SWITCHES
    | {
        "trip": {"pin": 19},
        "phase_limit_a": 100,
        "relays": [{"pin": 26, "safe": "closed", "sense": 32}],
    },
}
"""All switches on site of a role, and sense inputs."""
HEAT_PUMP = {"relays": _PAIR, "assets": [{"kind": "sg_ready"}]}
TIMED = {"sntp": {"host": "127.0.0.1", "port": 9}, "drift": True}
TLS_FILES = {"ca": "/ca.der", "certificate": "/mqtt.crt.der", "key": "/mqtt.key.der"}
_SENSORS = {"pzem004t": 2, "ade7953": 2, "bl0942": 2, "s0": 2}
_PULSE_PINS = [35, 34, 36, 39]
_PORTS: dict[str, dict[str, Any]] = {
    "atm90e32": {"cs": 21},
    "ade7953": {"scl": 22, "sda": 21},
    "hlw8012": COUNTED,
    "s0": {},
}


@dataclass(frozen=True)
class Combination:
    """What a board is configured to; `links` of "bus", "tcp", "mqtt" and "ble", in this order.

    `options`: what else its config.json has; `label` says what that is. `sensors`: how many.
    """

    role: str
    driver: str
    links: tuple[str, ...] = ("bus",)
    options: dict[str, Any] = field(default_factory=dict)
    label: str = ""
    sensors: int = 0
    connections: int = 2
    tls: bool = False
    heap_kib: int = HEAP_KIB

    @property
    def name(self) -> str:
        """For tables: role, chip, links, and what else there is."""
        found = [
            _ROLES[self.role],
            _CHIPS[self.driver],
            " and ".join(_LINKS[link] for link in self.links),
        ]
        return ", ".join(found + [self.label] * bool(self.label))

    def whole(self) -> dict[str, Any]:
        """Its config.json with ports that stand for any: for who only looks at what it has."""
        return self.config(dict.fromkeys(("mqtt", "mqtts", "tcp"), 1))

    def config(self, ports: dict[str, int]) -> dict[str, Any]:
        """Its config.json; `ports`: "mqtt" and "mqtts" the broker's, "tcp" its own."""
        ways = {
            "bus": {"address": 1, "uart": 1, "baud": 115200},
            "mqtt": _NETWORK | {"host": "127.0.0.1"} | self._broker(ports),
            "tcp": _NETWORK | {"port": ports["tcp"], "connections": self.connections},
            "ble": {},
        }
        found = {
            "role": self.role,
            "name": "b",
            "chain_id": CHAIN,
            "area": AREA,
            "operator_root": bytes(ROOT.verify_key).hex(),
            "interval_s": 60,
            "boundary_s": 300,
            "restore_delay_s": [0, 0],
        }
        found |= {link: ways[link] for link in self.links}
        return found | self._measuring() | self.options

    def _broker(self, ports: dict[str, int]) -> dict[str, Any]:
        if not self.tls:
            return {"port": ports["mqtt"]}
        return {"port": ports["mqtts"]} | TLS_FILES

    def _measuring(self) -> dict[str, Any]:
        metering: dict[str, Any] = {"driver": self.driver} | _PORTS.get(
            self.driver, {"uart": 2, "timeout_ms": 4000}
        )
        count = self.sensors or (_SENSORS.get(self.driver, 1) if self.role == "meter" else 1)
        if self.driver == "rs485_meter":
            metering |= meter_line(BOUGHT_METER)
        if self.driver == "s0":
            metering |= {"pins": _PULSE_PINS[:count], "pulses_per_kwh": [1000] * count}
        if self.role == "mlmd":
            return {
                "metering": metering,
                "channels": [{"kind": "section", "energy": "grid", "sensor": 1}],
                "relays": [{"pin": 26, "safe": "closed"}],
                "fixed_limit_w": 20_000,
                "breaker": {"reset_pin": 34},
            }
        kinds = [("load", "grid"), ("generation", "solar"), ("load", "grid"), ("load", "grid")]
        channels = [
            {"kind": kind, "energy": energy, "sensor": at}
            for at, (kind, energy) in enumerate(kinds[:count], 1)
        ]
        return {"metering": metering, "channels": channels, "relays": _RELAYS}


def _switched(role: str, driver: str, *links: str, **more: Any) -> Combination:
    return Combination(role, driver, links, SWITCHED[role], "all switches", **more)


_SNTP = {"sntp": TIMED["sntp"]}
_BESIDE = (
    _switched("meter", "pzem004t", "bus"),
    _switched("meter", "pzem004t", "tcp"),
    _switched("meter", "s0", "ble"),
    _switched("meter", "pzem004t", "bus", "ble"),
    _switched("meter", "pzem004t", "bus", "tcp"),
    _switched("mlmd", "atm90e32", "bus"),
    _switched("mlmd", "atm90e32", "ble"),
    Combination("meter", "pzem004t", ("bus",), HEAT_PUMP, "heat pump"),
    Combination("meter", "bl0942", ("ble",), HEAT_PUMP, "heat pump"),
    Combination("meter", "pzem004t", ("bus",), {"drift": True}, "drift"),
    Combination("mlmd", "atm90e32", ("bus",), {"drift": True}, "drift"),
    Combination("meter", "pzem004t", ("mqtt",), _SNTP, "SNTP"),
    Combination("meter", "pzem004t", ("mqtt",), TIMED, "SNTP, drift"),
    Combination("meter", "atm90e32", ("mqtt",), _SNTP, "SNTP"),
    Combination("meter", "rs485_meter", ("tcp",), {}, "1 connection", connections=1),
    Combination("meter", "pzem004t", ("tcp",), _SNTP, "SNTP"),
    Combination("meter", "pzem004t", ("tcp",), TIMED, "SNTP, drift"),
    Combination("meter", "pzem004t", ("mqtt",), {}, "TLS", tls=True),
    Combination("meter", "cse7766", ("mqtt",), {}, "TLS", tls=True),
    Combination("mlmd", "s0", ("mqtt",), {}, "TLS", tls=True),
    Combination("meter", "pzem004t", ("bus",), {}, "4 modules", sensors=4),
    Combination("meter", "s0", ("ble",), {}, "4 outputs", sensors=4),
    Combination("meter", "pzem004t", ("tcp",), {}, "4 connections", connections=4),
    Combination("meter", "pzem004t", ("bus", "tcp")),
    Combination("meter", "cse7766", ("bus", "tcp")),
    Combination("mlmd", "pzem004t", ("bus", "tcp"), {}, "1 connection", connections=1),
    Combination("meter", "pzem004t", ("bus", "ble")),
    Combination("meter", "s0", ("bus", "ble")),
)
_REFUSED = (
    Combination("meter", "pzem004t", ("bus", "mqtt")),
    Combination("meter", "atm90e32", ("bus", "ble")),
    Combination("mlmd", "atm90e32", ("bus", "mqtt")),
    Combination("mlmd", "atm90e32", ("bus", "ble")),
    Combination("meter", "pzem004t", ("tcp", "ble")),
    Combination("meter", "pzem004t", ("mqtt", "ble")),
    Combination("mlmd", "atm90e32", ("mqtt",), {}, "TLS", tls=True),
)
_ALONE = tuple(
    Combination(role, driver, (link,)) for role in _ROLES for driver in _CHIPS for link in _LINKS
)
COMBINATIONS = _ALONE + _BESIDE + _REFUSED
