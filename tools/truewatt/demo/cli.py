"""`truewatt demo`: arguments in, a run, a summary and an exit code out."""

from __future__ import annotations

import argparse
import json
import re
import signal
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from truewatt.demo import runner
from truewatt.demo.attack import catalogue as attack
from truewatt.demo.attack.campaign import Campaign
from truewatt.demo.attack.table import table
from truewatt.demo.html import cli as pages
from truewatt.demo.losses import BadTheft, LossWatch, Theft, parse_theft
from truewatt.demo.observer import Observer
from truewatt.demo.parts import PartFailed
from truewatt.demo.progress import say
from truewatt.demo.scenario import MAX_METERS_PER_MLMD, MAX_MLMDS, Scenario, plan_homes
from truewatt.demo.supervisor import PartUnstable
from truewatt.demo.view import options as view
from truewatt.emulator.physics.profiles import ProfileError, load_profiles
from truewatt.emulator.physics.pv_profiles import add_pv
from truewatt.lifeline import Ended, unwinding_on_signals

_EXIT_BROKEN, _EXIT_USAGE = 1, 2
_MICRO = 1_000_000
_MOST_PROFILES = 2
_HEADLESS_MIN, _DAY_MIN = 3.0, 1440.0
_SPEED, _ATTACKED_SPEED = 60.0, 20.0
"""Attacks wait for real answers: at x20 two cores leave 33 boards the time for them."""
_MLMDS, _METERS = 3, 30

_EPILOG = """\
The run's folder keeps everything: logs of each part, the boards' flash images, the gateway's
database, the ledger. Simulated time runs at --speed; --minutes are minutes of your own.

examples:
  tools/demo                                         3 M-LMDs, 30 meters, a day in 24 minutes
  tools/demo --mlmds 1 --meters 3                    a small street
  tools/demo --headless --minutes 3 --seed 1 --report r.json
  tools/demo --headless --minutes 1 --kill 20        cut the power of a random part 20 times
  tools/demo --headless --snapshot screen.svg        a picture of the live view
  tools/demo view                                    look at the latest run while it goes on
  tools/demo --headless --minutes 20 --theft h7:0.6  who steals, and does the ledger find out
  tools/demo --attack --headless                     18 attacks, each refused by its right name
  tools/demo --attack list                           what they are
  tools/demo report RUN_DIR                          make the page of a finished run again
  tools/demo --profiles homes.csv.gz                 measured homes (docs/profiles.md)
  tools/demo --profiles loads.csv.gz pv.csv.gz       loads and generation of different places

exit code: 0 if nothing was lost or counted twice, a contract moved a relay, the metered energy
agrees with the physics within 1 %, the ledger verifies, and every attack was refused by its right
name; 1 if not; 2 for wrong arguments.
"""


def main(argv: list[str]) -> int:
    """Run the demo; see `_EPILOG` for the exit codes."""
    if argv[:1] == ["view"]:
        return view.main(argv[1:])
    if argv[:1] == ["report"]:
        return pages.main(argv[1:])
    arguments = _arguments(argv)
    if arguments.attack == attack.LIST:
        print(attack.explained())
        return 0
    scenario = _scenario(arguments)
    run_dir = _run_dir(arguments.out, arguments.seed)
    say(f"{len(scenario.boards)} boards, seed {scenario.seed}, time x{scenario.speed:g}")
    say(f"folder of this run: {run_dir}")
    try:
        _check_profiles(scenario)
        with unwinding_on_signals():
            live = view.observer(arguments)
            tell = say if live is None else live.say
            observers = [*_observers(arguments, tell), *([] if live is None else [live])]
            result = runner.run(scenario, run_dir, tell, observers)
    except ProfileError as error:
        say(f"{type(error).__name__}: {error}; the format is in docs/profiles.md")
        return _EXIT_USAGE
    except Ended as end:
        say(f"{signal.Signals(end.signum).name}: ended every part; what was done is in {run_dir}")
        raise
    except (PartFailed, PartUnstable) as error:
        say(f"{type(error).__name__}: {error}; logs are in {run_dir / 'logs'}")
        return _EXIT_BROKEN
    if arguments.report is not None:
        arguments.report.write_text(json.dumps(result, indent=2) + "\n")
    code = _conclude(result, run_dir)
    pages.write(run_dir, *dict.fromkeys((None, arguments.html)))
    return code


def _scenario(arguments: argparse.Namespace) -> Scenario:
    speed = arguments.speed or (_ATTACKED_SPEED if arguments.attack else _SPEED)
    minutes = arguments.minutes
    if minutes is None:
        minutes = _HEADLESS_MIN if arguments.headless else _DAY_MIN / speed
    meters = arguments.meters
    mlmds = arguments.mlmds or min(_MLMDS, meters)
    if not mlmds <= meters <= mlmds * MAX_METERS_PER_MLMD:
        least_to_most = f"1 to {MAX_METERS_PER_MLMD} for each of {mlmds} M-LMDs"
        raise SystemExit(f"--meters {meters}: expected {least_to_most}")
    homes = plan_homes(arguments.seed, meters, mlmds, _with_plant(arguments))
    theft = arguments.theft
    if theft is not None and theft.home not in {home.name for home in homes}:
        raise SystemExit(f"--theft {theft.home}: expected one of h1 to h{len(homes)}")
    return Scenario(
        seed=arguments.seed,
        minutes=minutes,
        speed=speed,
        homes=homes,
        start_min=arguments.start,
        profiles=None if arguments.profiles is None else tuple(arguments.profiles),
        kills=arguments.kill,
        arch=arguments.arch,
    )


def _with_plant(arguments: argparse.Namespace) -> bool | None:
    """None: where sections are large enough. Attacks are on boards, and have the machine's time."""
    if arguments.plant is None and arguments.attack:
        return False
    wanted: bool | None = arguments.plant
    return wanted


def _observers(arguments: argparse.Namespace, tell: Callable[[str], None]) -> list[Observer]:
    """What attaches to the run because of the arguments."""
    judged = arguments.headless and arguments.attack is None
    watch = LossWatch(arguments.theft, judged, tell)
    if arguments.attack is None:
        return [watch]
    return [watch, Campaign(attack.selected(arguments.attack, arguments.seed), tell)]


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = _parser()
    arguments = parser.parse_args(argv)
    if len(arguments.profiles or ()) > _MOST_PROFILES:
        parser.error("--profiles takes one file, or loads and generation")
    return arguments


def _check_profiles(scenario: Scenario) -> None:
    """Read the profile files before anything is started. Raises ProfileError."""
    if scenario.profiles is not None:
        loads = load_profiles(scenario.profiles[0], sites=len(scenario.homes))
        for generation in scenario.profiles[1:]:
            add_pv(loads, generation)


def _conclude(result: dict[str, Any], run_dir: Path) -> int:
    print(summary(result))
    if result.get("attacks"):
        print(f"\n{table(result['attacks'])}")
    for name, why in result["set_aside"].items():
        print(f"  set aside: {name}: {why}")
    print(f"\nthe whole report: {run_dir / 'report.json'}")
    print(f"check the chain yourself: truewatt ledger verify --home {run_dir / 'ledger'}")
    broken = result["failures"]
    for line in broken:
        say(f"BROKEN: {line}")
    return _EXIT_BROKEN if broken else 0


def summary(result: dict[str, Any]) -> str:
    """The report in a few lines for a person."""
    refused, speed = sum(result["readings_refused"].values()), result["speed"]
    price, peak, delay = (
        result["price_micro_per_kwh"],
        result["peak_load_w"],
        result["event_to_relay_ms"],
    )
    lines = {
        "readings": f"{result['readings_signed']} signed, {result['readings_admitted']} admitted,"
        f" {refused} refused, {result['readings_lost']} lost, {result['readings_late']} late,"
        f" {result['readings_duplicated']} duplicated,"
        f" {result['records_in_flight']} still on a board, signed after the end",
        "commands": f"{result['commands_issued']} issued: {result['commands_done']} done,"
        f" {result['commands_refused']} refused, {result['commands_expired']} expired,"
        f" {result['commands_open']} still open",
        "relays": f"{result['relay_switchings']} moved by a contract; from the block to the contact"
        f" p50 {_seconds(delay['p50'], speed)}, p99 {_seconds(delay['p99'], speed)} real time",
        "energy": f"{result['energy_metered_wh'] / 1000:.3f} kWh metered,"
        f" {result['energy_physics_wh'] / 1000:.3f} kWh by the physics:"
        f" {result['energy_balance_error']:.3%} apart",
        "price": f"{price['min'] / _MICRO:.3f} to {price['max'] / _MICRO:.3f} per kWh",
        "peak": f"{peak['with_control'] / 1000:.2f} kW with control,"
        f" {peak['without_control'] / 1000:.2f} kW without (15 minutes' mean)",
        "ledger": f"{result['height']} blocks, "
        + ("every one verified" if result["ledger_verified"] else "NOT VERIFIED"),
    }
    if result["attested"]["devices"]:
        lines["devices"] = _of_devices(result["attested"])
    if result.get("deadlines"):
        counts = Counter(one["verdict"] for one in result["deadlines"])
        lines["deadlines"] = ", ".join(f"{n} {how}" for how, n in sorted(counts.items()))
    if result.get("theft"):
        lines["theft"] = _of_theft(result["theft"])
    if result["kills"]:
        lines["power cuts"] = f"{result['kills']}"
    return "\n".join(f"  {name:10}  {text}" for name, text in lines.items())


def _of_devices(attested: dict[str, Any]) -> str:
    return (
        f"{len(attested['devices'])} that the gateway signs for:"
        f" {attested['records_admitted']} records, {attested['records_on_ledger']} on the ledger,"
        f" {attested['records_lost']} lost; {attested['energy_error']:.3%} from the physics"
    )


def _of_theft(theft: dict[str, Any]) -> str:
    stolen = f"{theft['bypassed_wh'] / 1000:.2f} kWh around {theft['meter']}"
    if not theft["found"]:
        return f"{stolen}: not found yet; ranked first: {theft['ranked_first'] or 'nobody'}"
    likely = theft["likely"] or "nobody for certain"
    return (
        f"{stolen}: energy missed behind {theft['section']} after {theft['after_min']} min;"
        f" likely {likely}, ranked first: {theft['ranked_first'] or 'nobody'}"
    )


def _seconds(simulated_ms: int | None, speed: float) -> str:
    """In real time: at speed, what this machine takes dwarfs what simulated time asks for."""
    return "-" if simulated_ms is None else f"{simulated_ms / 1000 / speed:.2f} s"


def _run_dir(wanted: Path | None, seed: int) -> Path:
    if wanted is not None:
        if wanted.exists():
            raise SystemExit(f"--out {wanted}: is there already; name a folder that is not")
        return wanted.absolute()
    runs = Path("runs").absolute()
    runs.mkdir(exist_ok=True)
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-seed{seed}"
    latest = runs / "latest"
    latest.unlink(missing_ok=True)
    latest.symlink_to(name)
    return runs / name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="truewatt demo",
        description="The whole loop on this machine: real firmware signs, contracts switch relays.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--minutes", type=_positive, help="how long to run (default a day; headless 3)")
    add("--seed", type=int, default=1, help="of homes, noise and power cuts (default 1)")
    add("--speed", type=_positive, help="simulated per real time (default 60, with --attack 20)")
    add("--mlmds", type=_mlmds, help="M-LMDs with a bus each (default 3)")
    add("--meters", type=_meters, default=_METERS, help="homes, a meter each (default 30)")
    add("--start", type=_time_of_day, default=16 * 60, metavar="HH:MM", help="default 16:00")
    add(
        "--profiles",
        type=_file,
        nargs="+",
        metavar="FILE",
        help="CSV of measured homes, and one of generation per kWp (docs/profiles.md)",
    )
    add(
        "--theft",
        type=_theft,
        metavar="HOME[:SHARE]",
        help="lead a share of a home's load around its meter (default 0.6); was it found?",
    )
    add("--kill", type=int, default=0, metavar="N", help="cut the power of a part N times")
    add(
        "--attack",
        nargs="?",
        const=attack.ALL,
        type=_attacks,
        metavar="NAME[,NAME]",
        help="attack the run; list: what there is; default all (docs/attacks.md)",
    )
    add(
        "--plant",
        action=argparse.BooleanOptionalAction,
        help="batteries, chargers and heat pumps (default: with 10 meters or more behind an M-LMD)",
    )
    add("--headless", action="store_true", help="never ask, never wait for a person")
    add("--report", type=Path, metavar="FILE.json", help="write the report here too")
    add("--html", type=Path, metavar="FILE.html", help="write the report's page here too")
    add("--out", type=Path, metavar="DIR", help="folder of the run (default runs/<time>-seed<S>)")
    view.add_options(parser)
    add("--arch", default="native", help="MicroPython to run: native, 32bit (default native)")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value <= 10_000:
        raise argparse.ArgumentTypeError("expected a number above 0 and at most 10000")
    return value


def _mlmds(text: str) -> int:
    return _whole(text, MAX_MLMDS)


def _meters(text: str) -> int:
    return _whole(text, MAX_MLMDS * MAX_METERS_PER_MLMD)


def _whole(text: str, most: int) -> int:
    value = int(text)
    if not 1 <= value <= most:
        raise argparse.ArgumentTypeError(f"expected 1 to {most}")
    return value


def _time_of_day(text: str) -> int:
    match = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text)
    if match is None:
        raise argparse.ArgumentTypeError("expected HH:MM")
    return int(match[1]) * 60 + int(match[2])


def _attacks(text: str) -> str:
    try:
        if text != attack.LIST:
            attack.selected(text, 0)
    except attack.UnknownAttack as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _theft(text: str) -> Theft:
    try:
        return parse_theft(text)
    except BadTheft as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"no file {text}")
    return path
