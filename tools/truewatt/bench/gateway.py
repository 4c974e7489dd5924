"""`truewatt bench gateway ingest`: how many signed readings a second one gateway takes over MQTT.

Mosquitto (QoS 1) -> signature -> full admission -> durable commit -> PUBACK and signed ack. Broker,
gateway and load generator are processes of one machine and share its cores: the CPU time of each is
given a reading, so that it can be told what a machine does whose load comes from outside.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from truewatt.bench._ingest_peers import paho_rate
from truewatt.bench._processes import child, cpu_seconds, free_port, mosquitto

RATE_LIMIT, P99_LIMIT_MS, RSS_LIMIT_MB = 8000, 100, 150
HALF = RATE_LIMIT // 2


def main(argv: list[str]) -> int:
    """Print the table; return 1 if a bar is missed."""
    options = _parser().parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="truewatt-bench-") as scratch:
        folder = Path(scratch)
        load = folder / "load"
        _sign(load, options.devices, options.each)
        count = options.devices * options.each
        full = _run(folder / "full", load, options.devices, 0, count)
        half = _run(folder / "half", load, options.devices, HALF, min(count, 12 * HALF))
        passed = _table(full, half)
        if options.peers:
            _peers(folder, load, options.devices, min(count, 30_000))
    return 0 if passed else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="truewatt bench gateway",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=["ingest"], help="what to measure")
    parser.add_argument("--devices", type=int, default=1000, help="boards that send (1000)")
    parser.add_argument("--each", type=int, default=120, help="readings of each (120)")
    parser.add_argument("--peers", action="store_true", help="also bare paho, and amqtt as broker")
    return parser


def _sign(load: Path, devices: int, each: int) -> None:
    _progress(f"signing {devices * each:,} readings of {devices:,} devices beforehand")
    argv = ["truewatt.bench._ingest_load", "sign", str(load), str(devices), str(each)]
    with child(argv) as signer:
        for line in _lines(signer):
            done = int(line.split()[1])
            if done % (devices * max(1, each // 4)) == 0:
                _progress(f"  {done:,}")


def _run(
    folder: Path, load: Path, devices: int, rate: int, count: int, broker: str = "mosquitto"
) -> dict[str, float]:
    """One load through one fresh gateway; its last figures, with the others' CPU time."""
    folder.mkdir()
    pace = f"{rate:,} a second" if rate else "as fast as they are taken"
    _progress(f"{count:,} readings, {pace}")
    with ExitStack() as stack:
        port, broker_pid = stack.enter_context(_broker(broker, folder))
        words = [str(folder), str(port), str(devices), str(count)]
        gateway = stack.enter_context(child(["truewatt.bench._ingest_gateway", *words]))
        _expect(gateway, "ready")
        words = ["publish", str(load), str(port), str(rate), str(count)]
        generator = stack.enter_context(child(["truewatt.bench._ingest_load", *words]))
        _expect(generator, "ready")
        before_s = cpu_seconds(broker_pid)
        assert generator.stdin is not None
        generator.stdin.write("go\n")
        generator.stdin.flush()
        figures: dict[str, float] = {}
        for line in _lines(gateway):
            figures = json.loads(line)
            _progress(f"  {figures['committed']:>9,.0f} committed, {figures['rss_mb']:.0f} MB")
        figures["broker_cpu"] = cpu_seconds(broker_pid) - before_s
        figures["load_cpu"] = float(_expect(generator, "cpu").split()[1])
    return figures


@contextmanager
def _broker(kind: str, folder: Path) -> Iterator[tuple[int, int]]:
    port = free_port()
    if kind == "mosquitto":
        with mosquitto(folder, port) as process:
            yield port, process.pid
    else:
        with child(["gateway.mqtt.broker", "127.0.0.1", str(port)]) as process:
            _expect(process, "ready")
            yield port, process.pid


def _table(full: dict[str, float], half: dict[str, float]) -> bool:
    rate = full["committed"] / full["seconds"]
    rows = [
        ("sustained, all committed", f"{rate:,.0f} /s", f">= {RATE_LIMIT:,}", rate >= RATE_LIMIT),
        _p99_row(half),
        ("memory of the gateway", f"{full['rss_mb']:.0f} MB", f"<= {RSS_LIMIT_MB}",
         full["rss_mb"] <= RSS_LIMIT_MB),
        ("refused", f"{full['refused']:,.0f}", "0", not full["refused"]),
    ]  # fmt: skip
    print(f"\n{'figure':34} {'value':>14} {'limit':>10}")
    for name, value, limit, passed in rows:
        print(f"{name:34} {value:>14} {limit:>10} {'pass' if passed else 'FAIL'}")
    print(f"{'p50 from receipt to commit, 4000/s':34} {1000 * half['p50']:>11.1f} ms")
    _where_it_goes(full)
    return all(row[3] for row in rows)


def _p99_row(half: dict[str, float]) -> tuple[str, str, str, bool]:
    p99_ms = 1000 * half["p99"]
    return (
        f"p99 from receipt to commit, {HALF}/s",
        f"{p99_ms:.1f} ms",
        f"<= {P99_LIMIT_MS}",
        p99_ms <= P99_LIMIT_MS,
    )


def _where_it_goes(full: dict[str, float]) -> None:
    count = full["committed"]
    rest = full["cpu"] - full["verify"] - full["judge"]
    print("\nCPU time of a reading, in us (two cores have 2,000,000 a second)")
    for name, seconds in (
        ("signature, two threads", full["verify"]),
        ("rules and commit, one thread", full["judge"]),
        ("socket, PUBACKs, acks", rest),
        ("gateway, all of it", full["cpu"]),
        ("broker", full["broker_cpu"]),
        ("load generator", full["load_cpu"]),
    ):
        print(f"  {name:32} {1e6 * seconds / count:>8.1f}")
    alone = count / full["cpu"]
    print(f"  one core for the gateway alone: {alone:,.0f} /s; signed acks: {full['acks']:,.0f}")


def _peers(folder: Path, load: Path, devices: int, count: int) -> None:
    print("\npeers, same load, same machine")
    _progress("bare paho: takes messages and does nothing with them")
    bare = paho_rate(folder / "paho", load, count)
    print(f"  bare paho from Mosquitto, no check, no store {bare:>10,.0f} /s")
    amqtt = _run(folder / "amqtt", load, devices, 0, count, "amqtt")
    print(f"  this gateway behind amqtt {amqtt['committed'] / amqtt['seconds']:>30,.0f} /s")


def _lines(process: "subprocess.Popen[str]") -> Iterator[str]:
    assert process.stdout is not None
    # Not `yield from`: that would close the pipe with the generator.
    while line := process.stdout.readline():
        yield line


def _expect(process: "subprocess.Popen[str]", word: str) -> str:
    for line in _lines(process):
        if line.startswith(word):
            return line
    raise RuntimeError(f"{process.args!r} ended before it said {word!r}")


def _progress(text: str) -> None:
    print(f"truewatt: {text}", file=sys.stderr, flush=True)
