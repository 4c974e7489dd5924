"""Peers in the same run: what others do with the same messages on the same machine.

None of them does what the gateway does; each figure says what it leaves out. Each gives up in
time: paho after a minute, amqtt at 500 a second, an installation after four.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from truewatt.bench._figures import progress
from truewatt.bench._gateway_rows import Row
from truewatt.bench._ingest_load import AREA
from truewatt.bench._ingest_run import Load, Run, Stuck, expect
from truewatt.bench._processes import child, free_port, mosquitto

PATIENCE_S = 60.0
THINGSBOARD = "thingsboard-gateway==3.8.5"
INSTALL_S = 240.0


def measure(folder: Path, load: Load, part: Path, count: int) -> list[Row]:
    """Print a line for each, and return them: figures without a bar."""
    rows = []
    print("\npeers, same load, same machine")
    measures: list[tuple[str, Callable[[], float]]] = [
        ("bare paho, Mosquitto: no check, no store", lambda: _paho(folder / "paho", part, count)),
        ("this gateway behind amqtt", lambda: _amqtt(folder / "amqtt", load, part, count)),
        ("ThingsBoard's converter: no broker, check or store", lambda: _thingsboard(folder)),
    ]
    for name, rate in measures:
        progress(name)
        try:
            figure = f"{rate():,.0f}"
            print(f"  {name:54} {figure:>10} /s", flush=True)
        except (Stuck, OSError, RuntimeError, subprocess.SubprocessError) as error:
            print(f"  {name:54} {'none':>10}  {str(error)[-200:]}", flush=True)
            figure = "none"
        rows.append(Row(name.partition(":")[0], figure, "/s"))
    return rows


def _paho(folder: Path, part: Path, count: int) -> float:
    """Messages a second that paho takes from Mosquitto while the load is published."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    came_s: list[float] = []
    with mosquitto(folder, port):
        client = paho.Client(CallbackAPIVersion.VERSION2, "peer")
        client.on_message = lambda *_: came_s.append(time.monotonic())
        client.connect("127.0.0.1", port)
        client.subscribe(f"tw/{AREA}/+/rec", 1)
        client.loop_start()
        with child(["truewatt.bench._ingest_load", "publish", str(port), "1", "0"]) as generator:
            expect(generator, "ready")
            assert generator.stdin is not None
            generator.stdin.write(f"{part}\n")
            generator.stdin.flush()
            deadline_s = time.monotonic() + PATIENCE_S
            while len(came_s) < count and time.monotonic() < deadline_s:
                time.sleep(0.1)
        client.disconnect()
        client.loop_stop()
    if len(came_s) < 2:
        raise Stuck(f"{len(came_s)} of {count} came in {PATIENCE_S:.0f} s")
    return len(came_s) / (came_s[-1] - came_s[0])


def _amqtt(folder: Path, load: Load, part: Path, count: int) -> float:
    with Run(folder, load, broker="amqtt") as run:
        run.publish(part, count)
    return run.figures["committed"] / run.figures["busy_s"]


def _thingsboard(folder: Path) -> float:
    """Conversions a second of the MQTT connector's JSON converter, in an environment of its own."""
    place = folder / "thingsboard"
    python = place / "bin" / "python"
    if not python.exists():
        progress(f"installing {THINGSBOARD} into {place}")
        _call([sys.executable, "-m", "venv", str(place)])
        _call([str(python), "-m", "pip", "install", "-q", THINGSBOARD])
    script = Path(__file__).with_name("_ingest_thingsboard.py")
    return float(json.loads(_call([str(python), str(script)]).splitlines()[-1])["rate"])


def _call(argv: list[str]) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=INSTALL_S)
    if done.returncode:
        raise RuntimeError(f"{argv[-1]}: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout
