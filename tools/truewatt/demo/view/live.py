"""The live view's place in a run: an observer with a screen, real or in memory."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from ledger.clock import Clock
from ledger.rpc.client import RpcClient
from truewatt.demo import scenario as plan
from truewatt.demo.observer import Observer
from truewatt.demo.progress import say as say_on_terminal
from truewatt.demo.supervisor import Supervisor
from truewatt.demo.view.actions import Actions
from truewatt.demo.view.app import LiveView
from truewatt.demo.view.gather import Gatherer, kind_of
from truewatt.demo.view.status_lines import RunPlan
from truewatt.emulator.rig_control import ask_rig

if TYPE_CHECKING:
    from truewatt.demo.site import Site

_READY_S, _CLOSE_S = 20.0, 3.0
_A_PROGRESS_LINE = re.compile(r"\d\d:\d\d:\d\d  ")
"""What `progress` tells in lines, the screen shows by itself."""
SNAPSHOT_SIZE = (160, 50)


@dataclass(frozen=True)
class Picture:
    """A picture of the screen: its file, its size, its minute of the day (None: at the end)."""

    path: Path
    size: tuple[int, int] = SNAPSHOT_SIZE
    at_min: int | None = None


@dataclass(frozen=True)
class Hands:
    """What the keys need to know: each breaker's fixed limit in W, each meter's opt-out pin."""

    fixed_limits_w: Mapping[str, int]
    opt_out_pins: Mapping[str, int]


class LiveObserver(Observer):
    """Shows the run while it lasts. `terminal`: on the real one; otherwise only for a picture."""

    def __init__(self, terminal: bool, picture: Picture | None = None) -> None:
        self._terminal, self._picture = terminal, picture
        self._app: LiveView | None = None
        self._client: RpcClient | None = None
        self._tasks: list[asyncio.Task[Any]] = []
        self._drawn = False
        self._handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self._closing: asyncio.Task[None] | None = None

    def say(self, text: str) -> None:
        """A line of the run: into the log while the screen is up, to the terminal otherwise."""
        app = self._app
        if app is not None and not _A_PROGRESS_LINE.match(text):
            app.gatherer.tell(kind_of(text), text)
        if app is None or not self._terminal:
            say_on_terminal(text)

    async def start(self, site: Site, clock: Clock, supervisor: Supervisor) -> None:
        """Open the screen and wait for its first picture."""
        self._client = RpcClient(site.rpc_url)
        app = of_site(site, self._client, supervisor.end_soon)
        size = None if self._terminal or self._picture is None else self._picture.size
        running = asyncio.create_task(app.run_async(headless=not self._terminal, size=size))
        self._tasks = [running]
        looked = asyncio.create_task(app.first_look.wait())
        await asyncio.wait({running, looked}, timeout=_READY_S, return_when="FIRST_COMPLETED")
        looked.cancel()
        self._app = app
        if self._terminal:
            self._catch_signals()
        if self._picture is not None and self._picture.at_min is not None:
            self._tasks.append(asyncio.create_task(self._draw_at(self._picture.at_min, clock)))

    async def stop(self) -> None:
        """Draw the picture if it is not drawn yet, close the screen, give the terminal back."""
        self._release_signals()
        app, self._app = self._app, None
        if app is not None:
            await self._draw(app)
            app.exit()
        for task in self._tasks[1:]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.close()

    def _catch_signals(self) -> None:
        """A signal closes the screen first: raised inside textual it would be lost in there."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGHUP):
            handler = signal.getsignal(signum)
            if callable(handler):
                self._handlers[signum] = handler
                loop.add_signal_handler(signum, self._close_for, signum)

    def _release_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for signum, handler in self._handlers.items():
            loop.remove_signal_handler(signum)
            signal.signal(signum, handler)
        self._handlers.clear()

    def _close_for(self, signum: int) -> None:
        async def close() -> None:
            running = self._tasks[0]
            if self._app is not None:
                self._app.exit()
            await asyncio.wait({running}, timeout=_CLOSE_S)
            self._release_signals()
            # Not from within a task: that would keep what the handler raises.
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signum)

        self._closing = asyncio.create_task(close())

    async def _draw_at(self, at_min: int, clock: Clock) -> None:
        while clock.unix_ms() // 60_000 % 1440 != at_min:
            await asyncio.sleep(0.1)
        if self._app is not None:
            await self._draw(self._app)

    async def _draw(self, app: LiveView) -> None:
        if self._picture is None or self._drawn or not app.is_running:
            return
        self._drawn = True
        await app.look()
        await asyncio.sleep(0)
        svg = app.export_screenshot(title="truewatt demo")
        # Any monospaced font will do: a picture that fetches one tells who looks at it.
        self._picture.path.write_text(re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL))


def of_site(site: Site, client: RpcClient, on_quit: Callable[[], None]) -> LiveView:
    """The application for a run of this process."""
    scenario, root = site.scenario, site.operator_root
    limits = {section.mlmd: section.fixed_limit_w for section in scenario.sections}
    pins = {
        name: pin
        for name in scenario.boards
        if (pin := _opt_out_pin(plan.board_config(scenario, name, root))) is not None
    }
    run = RunPlan("truewatt", scenario.speed, scenario.wall_s, len(scenario.boards))
    return make_view(site.run_dir, client, run, on_quit, Hands(limits, pins))


def make_view(
    run_dir: Path,
    client: RpcClient,
    run: RunPlan,
    on_quit: Callable[[], None],
    hands: Hands,
) -> LiveView:
    """The application for the run in `run_dir`."""
    control = run_dir / "rig" / "control.sock"

    def ask(request: dict[str, Any]) -> dict[str, Any]:
        return ask_rig(control, **request)

    actions = Actions(ask, hands.fixed_limits_w, hands.opt_out_pins)
    return LiveView(Gatherer(run_dir, ask, client, plan.AREA), actions, run, on_quit)


def _opt_out_pin(config: Mapping[str, object]) -> int | None:
    switch = config.get("opt_out")
    return int(switch["pin"]) if isinstance(switch, dict) else None


async def attach(run_dir: Path) -> None:
    """Look at a run that another process does; quitting leaves it alone. Raises OSError, KeyError
    or ValueError if `run_dir` holds none."""
    config = tomllib.loads((run_dir / "gateway.toml").read_text())
    async with RpcClient(config["ledger"]["rpc"]) as client:
        app: LiveView | None = None

        def leave() -> None:
            if app is not None:
                app.exit()

        app = make_view(run_dir, client, RunPlan("truewatt"), leave, Hands({}, {}))
        await app.run_async()
