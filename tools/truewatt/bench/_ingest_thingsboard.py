"""Run by the Python of an environment that has `thingsboard-gateway`, and by no other.

The JSON converter of its MQTT connector, with the fields that a reading of ours has: imports,
exports and means of two channels, voltage, current. Says its conversions a second as JSON.
"""

import json
import logging
import time
from importlib import import_module
from typing import Any

COUNT = 20_000


def config() -> dict[str, Any]:
    """What a `mqtt.json` of theirs would say of our readings."""
    fields = ["import_a", "export_a", "mean_a", "import_b", "export_b", "mean_b", "voltage", "max"]
    return {
        "converter": {
            "type": "json",
            "deviceInfo": {
                "deviceNameExpression": "${device}",
                "deviceNameExpressionSource": "message",
                "deviceProfileExpressionSource": "constant",
                "deviceProfileExpression": "meter",
            },
            "attributes": [],
            "timeseries": [
                {"type": "integer", "key": name, "value": "${" + name + "}"} for name in fields
            ],
        }
    }


def message(number: int) -> bytes:
    """One reading as JSON text."""
    fields = {"device": f"m{number % 1000}", "import_a": number, "export_a": 0, "mean_a": 180}
    more = {"import_b": 0, "export_b": number, "mean_b": -90, "voltage": 2301, "max": 2000}
    return json.dumps({**fields, **more}).encode()


def main() -> None:
    """Convert `COUNT` messages, from their bytes on."""
    # By name: no environment of ours has them.
    loads = import_module("orjson").loads
    module = import_module("thingsboard_gateway.connectors.mqtt.json_mqtt_uplink_converter")
    converter = module.JsonMqttUplinkConverter(config(), logging.getLogger("converter"))
    messages = [message(number) for number in range(COUNT)]
    started_s = time.perf_counter()
    for one in messages:
        made = converter.convert("tw/1/m/rec", loads(one))
    rate = COUNT / (time.perf_counter() - started_s)
    assert made.telemetry_datapoints_count == 8, made
    print(json.dumps({"rate": rate}))


if __name__ == "__main__":
    main()
