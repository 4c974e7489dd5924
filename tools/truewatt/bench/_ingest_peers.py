"""A peer for comparison: bare paho, which takes messages at QoS 1 and does nothing with them."""

import time
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from truewatt.bench._ingest_load import AREA
from truewatt.bench._processes import child, free_port, mosquitto

_PATIENCE_S = 120.0


def paho_rate(folder: Path, load: Path, count: int) -> float:
    """Messages a second that paho takes from Mosquitto while the load is published."""
    folder.mkdir()
    port = free_port()
    came_s: list[float] = []
    with mosquitto(folder, port):
        client = paho.Client(CallbackAPIVersion.VERSION2, "peer")
        client.on_message = lambda *_: came_s.append(time.monotonic())
        client.connect("127.0.0.1", port)
        client.subscribe(f"tw/{AREA}/+/rec", 1)
        client.loop_start()
        words = ["publish", str(load), str(port), "0", str(count)]
        with child(["truewatt.bench._ingest_load", *words]) as generator:
            assert generator.stdout is not None
            assert generator.stdin is not None
            generator.stdout.readline()
            generator.stdin.write("go\n")
            generator.stdin.flush()
            deadline_s = time.monotonic() + _PATIENCE_S
            while len(came_s) < count and time.monotonic() < deadline_s:
                time.sleep(0.1)
        client.loop_stop()
    return len(came_s) / (came_s[-1] - came_s[0])
