"""`truewatt gateway run|check-config|status`; `attest`, `keep` and `profiles` add their own."""

import argparse
import asyncio
import json
import logging
import sys
import time
from pathlib import Path

from gateway.attest.cli import add_commands as add_attest
from gateway.attest.devices import drivers
from gateway.ble import scan as ble_scan
from gateway.collect.forecast import forecast
from gateway.collect.port import stable_path
from gateway.config import Config, ConfigError, load_config, missing_files
from gateway.errors import GatewayError
from gateway.keep import cli as keeping
from gateway.mqtt import setup as mqtt_setup
from gateway.profiles.cli import add_commands
from gateway.run import run_gateway
from gateway.status import STATUS_FILE, table
from gateway.updates import cli as updating
from ledger.clock import Clock

EXIT_OK, EXIT_FAILED = 0, 1


class NoStatus(GatewayError):
    """No status file: the gateway hasn't run with this configuration."""

    code = "no_status"
    todo = "start it with: truewatt gateway run --config FILE"


def main(argv: list[str]) -> int:
    """Run a subcommand; returns the exit status. Named errors are the caller's to show."""
    arguments = _parser().parse_args(argv)
    if "meters" in arguments:
        return int(arguments.meters(arguments))
    if "setup" in arguments:
        return int(arguments.setup(arguments))
    if "updates" in arguments:
        return int(arguments.updates(arguments))
    if "keep" in arguments:
        return int(arguments.keep(arguments))
    commands = {"run": _run, "check-config": _check_config, "status": _status}
    return commands[arguments.command](arguments.config)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="truewatt gateway", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="collect, verify, submit, enforce until SIGTERM")
    run.add_argument("--config", type=Path, required=True, metavar="FILE")
    check = commands.add_parser("check-config", help="show every error of a configuration")
    check.add_argument("config", type=Path, metavar="FILE")
    status = commands.add_parser("status", help="show boards, counters and what is wrong")
    status.add_argument("--config", type=Path, required=True, metavar="FILE")
    add_attest(commands)
    keeping.add_commands(commands)
    add_commands(commands)
    mqtt_setup.add_command(commands)
    ble_scan.add_command(commands)
    updating.add_command(commands)
    return parser


def _run(path: Path) -> int:
    config, clock = load_config(path), Clock.from_env()
    _log_to_stderr(clock)
    asyncio.run(run_gateway(config, clock))
    return EXIT_OK


def _check_config(path: Path) -> int:
    try:
        config = load_config(path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    missing = missing_files(config)
    for problem in missing:
        print(f"{path}: {problem}", file=sys.stderr)
    if missing:
        return EXIT_FAILED
    boards, devices = sum(len(bus.devices) for bus in config.buses), len(list(drivers(config)))
    attested = f"{devices} commercial device(s), " if devices else ""
    buses = f"{len(config.buses)} bus(es), {boards} board(s), "
    print(f"{path}: good; {buses}{attested}area {config.area}")
    return _forecast(config)


def _forecast(config: Config) -> int:
    """Say what each bus will have to carry; more than it can is for a person to decide."""
    status = EXIT_OK
    for bus in config.buses:
        if stable := stable_path(bus.port):
            print(
                f"bus {bus.name}: {bus.port} may be another adapter after a restart: use {stable}"
            )
        found = forecast(bus, config.poll_s)
        if found.advice:
            print(f"{found}: {found.advice}", file=sys.stderr)
            status = EXIT_FAILED
        else:
            print(found)
    return status


def _status(path: Path) -> int:
    file = load_config(path).data_dir / STATUS_FILE
    try:
        print(table(json.loads(file.read_text())))
    except FileNotFoundError:
        raise NoStatus("no status yet", str(file)) from None
    except ValueError as error:
        raise NoStatus(f"unreadable: {error}", str(file)) from error
    for line in updating.told(file.parent):
        print(line)
    return EXIT_OK


def _log_to_stderr(clock: Clock) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_ClockFormatter(clock))
    log = logging.getLogger("gateway")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


class _ClockFormatter(logging.Formatter):
    """Lines in the run's time (UTC), so that they agree with records and blocks."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("%(stamp)s %(levelname).1s %(message)s")
        self._clock = clock

    def format(self, record: logging.LogRecord) -> str:
        now_ms = self._clock.unix_ms()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now_ms // 1000))
        record.stamp = f"{stamp}.{now_ms % 1000:03d}Z"
        return super().format(record)
