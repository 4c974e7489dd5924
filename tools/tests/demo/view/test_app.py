"""The application on textual's own test terminal: keys, sizes, parts that are down."""

import asyncio
from pathlib import Path

import pytest
from street import NotingRig, snapshot, state

from ledger.rpc.client import RpcClient
from truewatt.demo.view.actions import Actions
from truewatt.demo.view.app import LiveView
from truewatt.demo.view.gather import Gatherer
from truewatt.demo.view.model import Ledger
from truewatt.demo.view.screens import Page
from truewatt.demo.view.status_lines import RunPlan


class Shown:
    """The view of a rig that answers, while gateway and ledger are down."""

    def __init__(self, folder: Path, rig: object) -> None:
        self.rig = rig
        self.quits = 0
        # Nobody listens there: the ledger is down.
        gatherer = Gatherer(folder, rig, RpcClient("http://127.0.0.1:9", 0.5), 1)
        self.app = LiveView(gatherer, Actions(rig, {}, {"m1": 33}), RunPlan(), self._quit, 60.0)

    def _quit(self) -> None:
        self.quits += 1

    def texts(self) -> str:
        return "\n".join(event.text for event in self.app.gatherer.events)


def run(body) -> None:
    asyncio.run(asyncio.wait_for(body, 60))


def test_keys_act_move_and_explain(tmp_path) -> None:
    async def body() -> None:
        shown = Shown(tmp_path, NotingRig())
        async with shown.app.run_test(size=(80, 24)) as pilot:
            await shown.app.first_look.wait()
            assert shown.app.selected == "h1"
            await pilot.press("down", "right", "f")
            assert shown.app.selected == "h12"
            await pilot.press("up", "up", "up", "left", "left", "t")
            assert shown.app.selected == "x1"
            await pilot.press("s", "o")
            await pilot.pause()
            assert [request["cmd"] for request in shown.rig.asked] == ["fault", "fault", "sun"]
            assert "nothing done: select a home" in shown.texts()
            await pilot.press("question_mark")
            assert isinstance(shown.app.screen, Page)
            await pilot.press("escape", "enter")
            assert isinstance(shown.app.screen, Page)
            await pilot.press("escape", "q", "q", "ctrl+c")
            assert not isinstance(shown.app.screen, Page)
            assert shown.quits == 1

    run(body())


def test_no_size_is_too_small_and_none_too_large(tmp_path) -> None:
    async def body() -> None:
        shown = Shown(tmp_path, NotingRig(lambda: state(3, 100)))
        async with shown.app.run_test(size=(80, 24)) as pilot:
            await shown.app.first_look.wait()
            for width, height in [(1, 1), (3, 40), (200, 2), (20, 8), (220, 60), (80, 24)]:
                await pilot.resize_terminal(width, height)
                await shown.app.look()
                await pilot.pause()
                assert shown.app.export_screenshot()
                assert shown.app.screen_stack[0].query_one("#panel").display == (width >= 140)
            await pilot.press("enter")
            await pilot.resize_terminal(10, 4)
            await shown.app.look()
            await pilot.pause()
            assert shown.app.is_running

    run(body())


def test_every_part_may_be_down(tmp_path) -> None:
    def nobody(request: dict) -> dict:
        raise ConnectionRefusedError("nobody there")

    async def body() -> None:
        shown = Shown(tmp_path, nobody)
        async with shown.app.run_test(size=(80, 24)) as pilot:
            await shown.app.first_look.wait()
            await pilot.press("down", "t", "f", "c", "k", "s", "o", "b", "enter", "escape")
            await pilot.pause()
            assert shown.app.is_running
            silent = (await shown.app.gatherer.refresh()).silent_s
            assert silent.keys() == {"rig", "gateway", "ledger"}
            assert "the rig did not do it: nobody there" in shown.texts()

    run(body())


def test_a_rig_that_comes_back_is_shown_again(tmp_path) -> None:
    answers = [ConnectionRefusedError(), state(), ConnectionResetError(), state()]

    def rig(request: dict) -> dict:
        answer = answers.pop(0) if answers else state()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def body() -> None:
        now = iter(range(0, 10_000))
        gatherer = Gatherer(
            tmp_path, rig, RpcClient("http://127.0.0.1:9", 0.5), 1, lambda: next(now)
        )
        assert (await gatherer.refresh()).world is None
        assert (await gatherer.refresh()).world is not None
        kept = await gatherer.refresh()
        assert kept.world is not None
        silent = kept.silent_s["rig"]
        assert (await gatherer.refresh()).silent_s.get("rig", 0) < silent + 5

    run(body())


@pytest.mark.parametrize("text", ["{", "[]", '{"boards": 1}', '{"time_ms": 1, "boards": [{}]}'])
def test_a_broken_status_file_is_a_gateway_that_does_not_answer(tmp_path, text: str) -> None:
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway" / "status.json").write_text(text)

    async def body() -> None:
        gatherer = Gatherer(tmp_path, NotingRig(), RpcClient("http://127.0.0.1:9", 0.5), 1)
        assert (await gatherer.refresh()).gateway is None

    run(body())


def test_missing_energy_is_told_once_and_its_end_too(tmp_path) -> None:
    gatherer = Gatherer(tmp_path, NotingRig(), RpcClient("http://127.0.0.1:9", 0.5), 1)
    gatherer.snapshot = shown = snapshot()
    assert shown.gateway is not None
    section, meter = (shown.gateway.boards[name].device for name in ("x1", "m4"))
    calm = Ledger(1, {"mix": 1})
    vague, sure = (Ledger(1, {"mix": 1}, {}, {section: likely}) for likely in ("", meter))
    told = [
        [event.text for event in gatherer._losses(before, now)]
        for before, now in (
            (calm, vague),
            (vague, vague),
            (vague, sure),
            (sure, calm),
            (sure, None),
        )
    ]
    assert told == [
        ["x1: energy is missing that no meter saw"],
        [],
        ["x1: energy is missing that no meter saw, likely at m4"],
        ["x1: no energy is missing"],
        [],
    ]
