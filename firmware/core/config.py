"""`/config.json`: what a board is, checked field by field with named errors.

Written by provisioning; format in docs/firmware.md. Unknown fields are refused, so that a typing
error does not silently leave a default in force. Boards unload this module once it was used.
"""

import hashlib
import json

from core import paths
from core.errors import ConfigError
from core.settings import Settings
from drivers import catalogue
from wireformat import codes

_REQUIRED = object()
_METERING = b"truewatt/metering/1|"


class Fields:
    """One JSON object being taken apart; `done` refuses what nobody asked for."""

    def __init__(self, value: object, path: str) -> None:
        self._path = path
        if not isinstance(value, dict):
            raise ConfigError(path or "the file", "an object")
        self._left = dict(value)

    def name(self, key: str) -> str:
        """Full name of a field, for errors."""
        return self._path + "." + key if self._path else key

    def take(self, key: str, default: object = _REQUIRED) -> object:
        """The raw value of `key`; null counts as absent."""
        value = self._left.pop(key, None)
        if value is None:
            if default is _REQUIRED:
                raise ConfigError(self.name(key), "to be there")
            return default
        return value

    def has(self, key: str) -> bool:
        """Whether there is a value for `key`."""
        return self._left.get(key) is not None

    def number(self, key: str, low: int, high: int, default: object = _REQUIRED) -> "int | None":
        """An integer within low..high."""
        value = self.take(key, default)
        if value is default:
            return value
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ConfigError(self.name(key), "an integer in %d..%d" % (low, high))
        return value

    def choice(self, key: str, choices: dict, default: object = _REQUIRED) -> object:
        """The value that `choices` gives for a word."""
        word = self.take(key, default)
        if word is default:
            return word
        if not isinstance(word, str) or word not in choices:
            raise ConfigError(self.name(key), "one of " + ", ".join(sorted(choices)))
        return choices[word]

    def text(self, key: str, most: int, default: object = _REQUIRED) -> str:
        """Text of 1 to `most` characters."""
        value = self.take(key, default)
        if value is not default and not (isinstance(value, str) and 1 <= len(value) <= most):
            raise ConfigError(self.name(key), "text of 1 to %d characters" % most)
        return value

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self.take(key, default)
        if not isinstance(value, bool):
            raise ConfigError(self.name(key), "true or false")
        return value

    def numbers(
        self, key: str, least: int, most: int, high: int, default: object = _REQUIRED
    ) -> "list[int]":
        """A list of `least` to `most` integers within 0..high."""
        value = self.take(key, default)
        good = isinstance(value, list) and least <= len(value) <= most
        for item in value if good else ():
            good = good and not isinstance(item, bool) and isinstance(item, int)
            good = good and 0 <= item <= high
        if not good:
            raise ConfigError(self.name(key), "%d to %d integers in 0..%d" % (least, most, high))
        return value

    def child(self, key: str) -> "Fields":
        """The object of `key`."""
        return Fields(self.take(key), self.name(key))

    def children(self, key: str, least: int, most: int) -> list:
        """A list of objects, each as `Fields`."""
        value = self.take(key)
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise ConfigError(self.name(key), "a list of %d to %d objects" % (least, most))
        return [Fields(item, "%s[%d]" % (self.name(key), at)) for at, item in enumerate(value)]

    def done(self) -> None:
        """Refuse leftovers."""
        for key in sorted(self._left):
            raise ConfigError(self.name(key), "no such field")


def serial(fields: Fields, baud: int = 9600) -> Settings:
    """One UART: number, pins, `baud` unless it says otherwise."""
    found = Settings()
    found.uart = fields.number("uart", 0, 2)
    found.tx = fields.number("tx", 0, 48, None)
    found.rx = fields.number("rx", 0, 48, None)
    found.baud = fields.number("baud", 1200, 115200, baud)
    return found


def _bus(fields: Fields) -> Settings:
    """The RS-485 bus towards the gateway."""
    bus = serial(fields)
    bus.address = fields.number("address", 1, 247)
    bus.de = fields.number("de", 0, 48, None)
    fields.done()
    return bus


def _mqtt(fields: Fields) -> Settings:
    """The radio network and the broker on it; with `ca` over TLS."""
    mqtt = Settings()
    mqtt.ssid = fields.text("ssid", 32)
    mqtt.psk = fields.text("psk", 64, "")
    mqtt.host = fields.text("host", 64)
    mqtt.ca = fields.text("ca", 64, None)
    mqtt.certificate = fields.text("certificate", 64, None)
    mqtt.key = fields.text("key", 64, None)
    mqtt.port = fields.number("port", 1, 65535, 8883 if mqtt.ca else 1883)
    mqtt.user = fields.text("user", 64, None)
    mqtt.password = fields.text("password", 64, "")
    mqtt.keepalive_s = fields.number("keepalive_s", 10, 3600, 60)
    if bool(mqtt.certificate) != bool(mqtt.key) or (mqtt.certificate and not mqtt.ca):
        raise ConfigError(fields.name("certificate"), "beside key and ca, or none of them")
    fields.done()
    return mqtt


def _tcp(fields: Fields) -> Settings:
    """The radio network, and the port of a Modbus TCP server on it."""
    tcp = Settings()
    tcp.ssid = fields.text("ssid", 32)
    tcp.psk = fields.text("psk", 64, "")
    tcp.port = fields.number("port", 1, 65535, 502)
    tcp.connections = fields.number("connections", 1, 4, 2)
    fields.done()
    return tcp


def _sntp(fields: Fields) -> Settings:
    """A time server on the radio network."""
    sntp = Settings()
    sntp.host = fields.text("host", 64)
    sntp.port = fields.number("port", 1, 65535, 123)
    sntp.interval_s = fields.number("interval_s", 64, 86400, 3600)
    fields.done()
    return sntp


def _radio(fields: Fields) -> Settings:
    """The BLE radio. Its passkey is no setting: the board makes it (provision.py)."""
    radio = Settings()
    radio.adv_ms = fields.number("adv_ms", 20, 10240, 500)
    fields.done()
    return radio


def _measures(board: Settings, fields: Fields, table: Fields) -> None:
    """Read `metering` (`table`) and `channels`; what they scale by has a digest."""
    driver = table.choice("driver", {name: name for name in catalogue.NAMES})
    port = catalogue.ELSEWHERE.get(driver)
    if port is None:
        metering, sides, constants = _uart(table, driver)
    else:
        module = __import__("core.metering_" + port, None, None, ("read",))
        metering, sides, constants = module.read(table)
    metering.driver = driver
    metering.port = port
    if not hasattr(metering, "poll_ms"):
        metering.poll_ms = table.number("poll_ms", 200, 60000, 1000)
    table.done()
    board.metering = metering
    board.channels = _channels(fields, driver, sides)
    board.calibration = _digest(driver, constants, board.channels)


def _uart(fields: Fields, driver: str) -> tuple:
    """(settings, (tells import from export, highest sensor), what scales): as of all ports."""
    metering = serial(fields, catalogue.BAUDS[driver])
    metering.timeout_ms = fields.number("timeout_ms", 50, 60000, 500)
    metering.parity = 0 if driver in catalogue.EVEN_PARITY else None  # as machine.UART has it
    return metering, (False, catalogue.ADDRESSES[driver][1]), []


def _channel(fields: Fields, driver: str, sides: tuple) -> Settings:
    """What one module measures."""
    kinds = {name: number for number, name in codes.CHANNEL_KINDS.items()}
    energies = {name: number for number, name in codes.ENERGY_TYPES.items()}
    channel = Settings()
    channel.kind = fields.choice("kind", kinds)
    channel.energy = fields.choice("energy", energies)
    net, highest = sides
    channel.sensor = fields.number("sensor", catalogue.ADDRESSES[driver][0], highest)
    if fields.flag("bidirectional", net) != net:
        if net:
            raise ConfigError(fields.name("bidirectional"), "true: a %s has a direction" % driver)
        raise ConfigError(fields.name("bidirectional"), "false: a %s has no direction" % driver)
    if driver in catalogue.CALIBRATED:
        from drivers import calibration_text

        found = fields.take("calibration", None)
        channel.calibration = calibration_text.parse(
            found, driver, catalogue.PHASE_STEPS.get(driver, 0)
        )
    fields.done()
    return channel


def _channels(fields: Fields, driver: str, sides: tuple) -> "list[Settings]":
    children = fields.children("channels", 1, 4)
    channels = [_channel(child, driver, sides) for child in children]
    if len({channel.sensor for channel in channels}) < len(channels):
        raise ConfigError("channels", "each with a sensor of its own, of which a line has few")
    return channels


def _digest(driver: str, constants: list, channels: "list[Settings]") -> bytes:
    """SHA-256 over all that decides what a Wh is: driver, constants, calibrations; 32 bytes."""
    parts = [driver] + [str(constant) for constant in constants]
    for channel in channels:
        parts.append("%d:%d:%d" % (channel.sensor, channel.kind, channel.energy))
        if hasattr(channel, "calibration"):
            from drivers import calibration_text

            parts.append(calibration_text.digest(channel.calibration, driver).hex())
    return hashlib.sha256(_METERING + ",".join(parts).encode()).digest()


def _relay(fields: Fields) -> Settings:
    """One relay and its wear limits."""
    relay = Settings()
    relay.pin = fields.number("pin", 0, 48)
    relay.safe_closed = fields.choice("safe", {"closed": True, "open": False})
    relay.active_high = fields.flag("active_high", True)
    relay.name = fields.text("name", 32, "relay")
    relay.min_between_s = fields.number("min_between_s", 0, 3600, 10)
    relay.max_per_hour = fields.number("max_per_hour", 1, 60, 6)
    relay.sense = fields.number("sense", 0, 48, None)
    fields.done()
    return relay


def _inputs(board: Settings, fields: Fields) -> None:
    """Switches on site: name -> pin."""
    board.inputs = {}
    for name in ("lockout", "opt_out", "tamper", "trip"):
        value = fields.take(name, None)
        if value is None:
            continue
        if name == ("opt_out" if board.role == codes.MLMD else "trip"):
            raise ConfigError(name, "none: a meter has no breaker, and a section can't opt out")
        child = Fields(value, name)
        board.inputs[name] = child.number("pin", 0, 48)
        child.done()


def _assets(board: Settings, fields: Fields) -> None:
    """What commands name: each relay, or one SG-Ready heat pump on two of them."""
    board.sg_ready = None
    board.asset_count = len(board.relays)
    if not fields.has("assets"):
        return
    (asset,) = fields.children("assets", 1, 1)
    asset.choice("kind", {"sg_ready": True})
    order = asset.numbers("relays", 2, 2, 1, [0, 1])
    if order != [0, 1] or len(board.relays) != 2:
        raise ConfigError("assets[0].relays", "[0, 1], on a board with two relays")
    if board.role == codes.MLMD or any(relay.safe_closed for relay in board.relays):
        raise ConfigError("assets[0].relays", "relays of a meter whose safe state is open")
    board.sg_ready = Settings()
    board.sg_ready.min_mode_s = asset.number("min_mode_s", 0, 7200, 600)
    board.sg_ready.max_blocked_s = asset.number("max_blocked_s", 60, 86400, 7200)
    asset.done()
    board.asset_count = 1


def _breaker(fields: Fields) -> Settings:
    """Times of an M-LMD's breaker."""
    breaker = Settings()
    breaker.overload_delay_ms = fields.number("overload_delay_ms", 0, 3600000, 10000)
    breaker.fixed_delay_ms = fields.number("fixed_delay_ms", 0, 60000, 1000)
    breaker.dead_times_s = fields.numbers("dead_times_s", 0, 8, 3600, [15, 45])
    breaker.reclaim_s = fields.number("reclaim_s", 1, 3600, 60)
    breaker.reset_pin = fields.number("reset_pin", 0, 48, None)
    fields.done()
    return breaker


def _board(fields: Fields) -> Settings:
    """The whole configuration of one board."""
    board = Settings()
    board.role = fields.choice("role", {"meter": codes.METER, "mlmd": codes.MLMD})
    board.name = fields.text("name", 32)
    board.chain_id = fields.text("chain_id", 50)
    board.area = fields.number("area", 0, 0x7FFFFFFF)
    board.operator_root = _key(fields)
    bus, mqtt = fields.take("bus", False), fields.take("mqtt", False)
    ble, tcp = fields.take("ble", False), fields.take("tcp", False)
    board.bus = _bus(Fields(bus, "bus")) if bus is not False else None
    board.mqtt = _mqtt(Fields(mqtt, "mqtt")) if mqtt is not False else None
    board.ble = _radio(Fields(ble, "ble")) if ble is not False else None
    board.tcp = _tcp(Fields(tcp, "tcp")) if tcp is not False else None
    if board.bus is None and board.mqtt is None and board.ble is None and board.tcp is None:
        raise ConfigError("bus", "to be there, or mqtt, tcp or ble: a way to the gateway")
    if board.mqtt and board.tcp and board.mqtt.ssid != board.tcp.ssid:
        raise ConfigError("tcp.ssid", "that of mqtt: a board has one radio")
    sntp = fields.take("sntp", False)
    if sntp is not False:
        board.sntp = _sntp(Fields(sntp, "sntp"))
    if board.sntp and not (board.mqtt or board.tcp):
        raise ConfigError("sntp", "none without mqtt or tcp: it needs a network")
    if fields.flag("drift", False):
        board.drift = True
    _measures(board, fields, Fields(fields.take("metering"), "metering"))
    board.relays = [_relay(child) for child in fields.children("relays", 0, 2)]
    board.high = fields.numbers("high", 0, 8, 48, [])
    _inputs(board, fields)
    _assets(board, fields)
    _times(board, fields)
    _limits(board, fields)
    fields.done()
    return board


def _times(board: Settings, fields: Fields) -> None:
    board.interval_s = fields.number("interval_s", 1, 3600, 60)
    board.boundary_s = fields.number("boundary_s", board.interval_s, 86400, 900)
    if board.boundary_s % board.interval_s:
        raise ConfigError("boundary_s", "a multiple of interval_s")
    board.comms_timeout_s = fields.number("comms_timeout_s", 10, 86400, 300)
    # The meters behind a breaker delay their own loads.
    delay_s = [0, 0] if board.role == codes.MLMD else [0, 30]
    board.restore_delay_s = fields.numbers("restore_delay_s", 2, 2, 3600, delay_s)
    if board.restore_delay_s[0] > board.restore_delay_s[1]:
        raise ConfigError("restore_delay_s", "[least, most]")
    board.journal_kib = fields.number("journal_kib", 32, 1536, 512)
    board.wdt_ms = fields.number("wdt_ms", 0, 600000, 30000)
    board.reset_register = fields.number("reset_register", 0, 0xFFFFFFFF, None)


def _limits(board: Settings, fields: Fields) -> None:
    board.protects = board.role == codes.MLMD
    board.fixed_limit_w = fields.number("fixed_limit_w", 1, 1000000, None)
    board.overload_limit_w = fields.number("overload_limit_w", 1, 1000000, None)
    board.phase_limit_a = fields.number("phase_limit_a", 1, 2000, None)
    board.breaker = _breaker(Fields(fields.take("breaker", {}), "breaker"))
    if board.role != codes.MLMD:
        return
    if board.fixed_limit_w is None:
        raise ConfigError("fixed_limit_w", "watts, on an M-LMD")
    if board.overload_limit_w is None:
        board.overload_limit_w = board.fixed_limit_w
    if board.overload_limit_w > board.fixed_limit_w:
        raise ConfigError("overload_limit_w", "at most fixed_limit_w")
    if not board.relays:
        raise ConfigError("relays", "the breaker as relays[0], on an M-LMD")


def _key(fields: Fields) -> bytes:
    text = fields.text("operator_root", 64)
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ConfigError("operator_root", "64 hexadecimal digits")
    return key


def parse(text: str) -> Settings:
    """Read a configuration. Raises `ConfigError`."""
    try:
        value = json.loads(text)
    except ValueError:
        raise ConfigError("the file", "JSON")
    return _board(Fields(value, ""))


def load() -> Settings:
    """The configuration of this board. Raises `ConfigError`, `OSError` if there is none."""
    with open(paths.CONFIG) as file:
        return parse(file.read())
