"""A relay board obeys signed commands, each relay by itself, and opens when nobody speaks to it."""

import pytest

from gateway.attest.relay_board import RELAYS, TIMEOUT_S
from gateway.config import MeterConfig
from gateway.tests.attest.kit import check_chain, run
from truewatt.emulator.commercial.relay_board import EmulatedRelayBoard
from truewatt.emulator.commercial.storage import EmulatedStorage
from wireformat import codes

CONFIG = MeterConfig(51, "r1", "relay_board")
DONE, REFUSED = codes.DONE, codes.REFUSED


async def switching(site, relays=RELAYS):
    board = EmulatedRelayBoard(51, site.clock.mono_ms)
    board._closed[5] = True  # somebody left it on
    site.plug(board)
    site.enrol("r1", relays=relays)
    site.start(CONFIG)
    await site.until(lambda: board.written)
    await site.until(lambda: len(board.written) >= RELAYS)
    assert board.closed == [False] * RELAYS, "the safe state comes first"
    return board


def test_each_relay_follows_its_own_orders_and_is_read_back(tmp_path):
    async def scenario(site):
        board = await switching(site)
        assert await site.order("r1", codes.CLOSE, 0, 1, asset=2) == codes.R_NONE
        assert await site.order("r1", codes.CLOSE, 0, 2, asset=0) == codes.R_NONE
        assert board.closed == [True, False, True] + [False] * 5
        assert await site.order("r1", codes.OPEN, 0, 3, asset=2) == codes.R_NONE
        assert board.closed == [True] + [False] * 7
        assert site.outcomes("r1") == [(1, DONE, 0, 1), (2, DONE, 0, 1), (3, DONE, 0, 0)]
        # It is only ever closed for a time.
        assert all(at >= 0x0200 or not value for at, value in board.written)
        last = site.records("r1")[-1]
        assert last.flags & codes.RELAY_1_CLOSED
        assert not last.flags & codes.RELAY_2_CLOSED
        check_chain(list(site.store.records(site.signer("r1").address)))

    run(tmp_path, scenario)


def test_a_command_holds_far_longer_than_the_boards_own_timer(tmp_path):
    async def scenario(site):
        board = await switching(site)
        now_s = site.clock.unix_ms() // 1000
        expires_s = now_s + 4 * TIMEOUT_S
        assert await site.order("r1", codes.CLOSE, 0, 1, asset=1, expires_s=expires_s) == 0
        assert await site.order("r1", codes.CLOSE, 0, 2, asset=3) == codes.R_NONE
        await site.until(lambda: site.clock.unix_ms() // 1000 > expires_s - TIMEOUT_S)
        assert (board.closed[1], board.closed[3]) == (True, True)
        await site.until(lambda: not board.closed[1])
        assert site.clock.unix_ms() // 1000 >= expires_s
        assert board.closed[3], "the other one goes on"

    run(tmp_path, scenario)


def test_without_a_gateway_it_opens_by_itself(tmp_path):
    async def scenario(site):
        board = await switching(site)
        assert await site.order("r1", codes.CLOSE, 0, 1, asset=4) == codes.R_NONE
        await site.stop()
        left_ms = site.clock.mono_ms()
        assert board.closed[4]
        await site.until(lambda: not board.closed[4])
        assert site.clock.mono_ms() - left_ms <= (TIMEOUT_S + 5) * 1000

    run(tmp_path, scenario)


def test_what_it_can_not_do_is_refused(tmp_path):
    async def scenario(site):
        board = await switching(site)
        assert await site.order("r1", codes.CLOSE, 0, 1, asset=8) == codes.R_NO_SUCH_ASSET
        assert await site.order("r1", codes.SET_LIMIT, 900, 2) == codes.R_BAD_VALUE
        assert await site.order("r1", codes.CLOSE, 5, 3) == codes.R_BAD_VALUE
        assert board.closed == [False] * RELAYS
        board.stuck = True
        assert await site.order("r1", codes.CLOSE, 0, 4) == codes.R_HARDWARE
        assert [row[1:3] for row in site.outcomes("r1")] == [
            (REFUSED, codes.R_NO_SUCH_ASSET),
            (REFUSED, codes.R_BAD_VALUE),
            (REFUSED, codes.R_BAD_VALUE),
            (REFUSED, codes.R_HARDWARE),
        ]

    run(tmp_path, scenario)


def test_another_device_at_its_address_is_told(tmp_path):
    async def scenario(site):
        site.plug(EmulatedStorage(51, site.clock.mono_ms))
        site.enrol("r1", relays=RELAYS)
        site.start(CONFIG)
        await site.until(lambda: "wrong_meter" in site.open_codes().values())

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("request_hex", "answer_hex"),
    [
        ("01 0000 0008", "01 01 02"),
        ("05 0001 ff00", "05 0001 ff00"),
        ("05 0200 0007", "05 0200 0007"),
        ("05 0201 8000", "85 03"),
        ("05 0008 ff00", "85 02"),
        ("05 0001 1234", "85 03"),
        ("03 0000 0001", "83 01"),
    ],
)
def test_the_emulated_board_answers_as_its_maker_says(request_hex, answer_hex):
    board = EmulatedRelayBoard(1, lambda: 0)
    board._closed[1] = True
    assert board.answer(bytes.fromhex(request_hex), 0.0) == bytes.fromhex(answer_hex)


def test_a_timed_close_ends_and_an_order_cancels_it():
    now = [0]
    board = EmulatedRelayBoard(1, lambda: now[0])
    board.answer(bytes.fromhex("0502000007"), 0.0)
    assert board.closed[0]
    now[0] = 699
    assert board.closed[0]
    now[0] = 700
    assert not board.closed[0]
    board.answer(bytes.fromhex("0502000007"), 0.0)
    board.answer(bytes.fromhex("050000ff00"), 0.0)
    now[0] = 9999
    assert board.closed[0]
