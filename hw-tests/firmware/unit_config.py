"""Every wrong field of config.json by name, on MicroPython."""

import json

from board_fakes import expect, expect_raises

from core import config
from core.errors import ConfigError

GOOD = {
    "role": "mlmd",
    "name": "x1",
    "chain_id": "c",
    "area": 1,
    "operator_root": "ab" * 32,
    "bus": {"address": 1, "baud": 9600, "uart": 1, "tx": 22, "rx": 21, "de": None},
    "metering": {"driver": "pzem004t", "uart": 2, "tx": 17, "rx": 16, "poll_ms": 1000},
    "channels": [{"kind": "section", "energy": "grid", "sensor": 1}],
    "relays": [{"pin": 26, "safe": "closed", "active_high": True, "name": "breaker"}],
    "interval_s": 60,
    "boundary_s": 900,
    "comms_timeout_s": 300,
    "restore_delay_s": [0, 30],
    "fixed_limit_w": 10000,
    "overload_limit_w": None,
    "journal_kib": 512,
    "wdt_ms": 30000,
}

WRONG = (
    (("role",), "gateway", "role"),
    (("role",), None, "role"),
    (("name",), "", "name"),
    (("chain_id",), 7, "chain_id"),
    (("area",), -1, "area"),
    (("operator_root",), "ab" * 31, "operator_root"),
    (("operator_root",), "zz" * 32, "operator_root"),
    (("bus",), [], "bus"),
    (("bus",), None, "bus"),
    (("mqtt",), {"ssid": "s"}, "mqtt.host"),
    (("mqtt",), {"ssid": "", "host": "h"}, "mqtt.ssid"),
    (("mqtt",), {"ssid": "s", "host": "h", "port": 0}, "mqtt.port"),
    (("mqtt",), {"ssid": "s", "host": "h", "ca": "/c", "key": "/k"}, "mqtt.certificate"),
    (("mqtt",), {"ssid": "s", "host": "h", "key": "/k", "certificate": "/c"}, "mqtt.certificate"),
    (("mqtt",), {"ssid": "s", "host": "h", "topic": "x"}, "mqtt.topic"),
    (("ble",), {"adv_ms": 19}, "ble.adv_ms"),
    (("ble",), {"passkey": 123456}, "ble.passkey"),
    (("bus", "address"), 0, "bus.address"),
    (("bus", "address"), True, "bus.address"),
    (("bus", "baud"), "9600", "bus.baud"),
    (("bus", "parity"), "E", "bus.parity"),
    (("metering", "driver"), "pzem", "metering.driver"),
    (("metering", "poll_ms"), 10, "metering.poll_ms"),
    (("channels",), [], "channels"),
    (("channels", 0, "kind"), "house", "channels[0].kind"),
    (("channels", 0, "energy"), "coal", "channels[0].energy"),
    (("channels", 0, "bidirectional"), True, "channels[0].bidirectional"),
    (("relays", 0, "safe"), "shut", "relays[0].safe"),
    (("relays", 0, "active_high"), 1, "relays[0].active_high"),
    (("relays",), [], "relays"),
    (("interval_s",), 0, "interval_s"),
    (("boundary_s",), 100, "boundary_s"),
    (("restore_delay_s",), [5, 1], "restore_delay_s"),
    (("restore_delay_s",), [5], "restore_delay_s"),
    (("fixed_limit_w",), None, "fixed_limit_w"),
    (("overload_limit_w",), 10001, "overload_limit_w"),
    (("journal_kib",), 4096, "journal_kib"),
    (("breaker",), {"dead_times_s": [1, -1]}, "breaker.dead_times_s"),
    (("colour",), "red", "colour"),
    (("tcp",), {"ssid": "s", "connections": 5}, "tcp.connections"),
    (("tcp",), {"port": 502}, "tcp.ssid"),
    (("sntp",), {"host": "ntp.example"}, "sntp"),
    (("sntp",), {"host": "ntp.example", "interval_s": 10}, "sntp.interval_s"),
    (("sntp",), {"host": ""}, "sntp.host"),
    (("sntp",), {"host": "ntp.example", "key": "k"}, "sntp.key"),
    (("drift",), 1, "drift"),
    (("lockout",), {"pin": 49}, "lockout.pin"),
    (("lockout",), {"pin": 4, "level": 1}, "lockout.level"),
    (("opt_out",), {"pin": 4}, "opt_out"),
    (("relays", 0, "sense"), "on", "relays[0].sense"),
    (("phase_limit_a",), 0, "phase_limit_a"),
    (("assets",), [{"kind": "sg_ready"}], "assets[0].relays"),
    (("assets",), [{"kind": "boiler"}], "assets[0].kind"),
    (("assets",), [], "assets"),
)


def without(field, **changes):
    value = dict(GOOD)
    value.update(changes)
    del value[field]
    return json.dumps(value)


def good():
    board = config.parse(json.dumps(GOOD))
    expect("defaults", (board.overload_limit_w, board.bus.de), (10000, None))
    expect("a breaker's delay", config.parse(without("restore_delay_s")).restore_delay_s, [0, 0])
    air = config.parse(without("bus", mqtt={"ssid": "s", "host": "h"}))
    expect("no bus", (air.bus, air.mqtt.port, air.mqtt.keepalive_s), (None, 1883, 60))
    tcp = config.parse(without("bus", tcp={"ssid": "s"}))
    expect("TCP alone", (tcp.bus, tcp.tcp.port, tcp.tcp.connections), (None, 502, 2))
    ble = config.parse(without("bus", ble={}))
    expect("BLE alone", (ble.bus, ble.mqtt, ble.ble.adv_ms), (None, None, 500))
    tls = {"ssid": "s", "host": "h", "ca": "/c", "certificate": "/d", "key": "/k"}
    expect("TLS", config.parse(without("bus", mqtt=tls)).mqtt.port, 8883)
    meter = without("restore_delay_s", role="meter")
    expect("a load's delay", config.parse(meter).restore_delay_s, [0, 30])
    expect("relay", (board.relays[0].safe_closed, board.relays[0].max_per_hour), (True, 6))


def wrong():
    for path, value, field in WRONG:
        broken = json.loads(json.dumps(GOOD))
        at = broken
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value
        error = expect_raises(field, ConfigError, config.parse, json.dumps(broken))
        expect("names the field", error.field, field)
        expect("says where", field in str(error) and "config.json" in str(error), True)
    expect_raises("not JSON", ConfigError, config.parse, "{role: meter}")
    expect_raises("not an object", ConfigError, config.parse, "[]")


good()
wrong()
print("ok")
