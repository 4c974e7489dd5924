"""Wires: half frames, noise, a power cut in between, two boards on one address, a swapped board."""

import random
import time

from tapped_street import CHAIN

from ledger.setup import seal
from truewatt.hostile import intruder
from truewatt.hostile.intruder import answers, ask, inbox_write, status
from wireformat import registry
from wireformat.control import Command


def test_half_a_frame_then_a_reboot_leaves_nothing_of_it(street):
    """Half a request on the wire, half a command in the inbox; then the power goes and returns."""
    order = seal(intruder.order(street, "m2"), street.seeds["control"], CHAIN)
    first, rest = order[:100], order[100:]
    begun = inbox_write(0xFFF1, Command.CODE, first, 0, len(order))
    assert ask(street, "m2", begun)[0] == 16
    street.tap.throw(bytes((2,)) + inbox_write(0xFFF2, Command.CODE, order)[:39])
    epoch = status(street, "m2").epoch
    street.boards["m2"].kill()
    street.boards["m2"].start()
    street.until(lambda: "m2: " in street.log("gateway"), "the gateway to notice")
    street.until(lambda: answers(street, "m2", epoch + 1), "the board")
    late = inbox_write(0xFFF1, Command.CODE, rest, 100, len(order))
    assert ask(street, "m2", late) == bytes((16 | 0x80, 3))
    assert not street.relay("m2", asset=1)
    street.grows("m2")
    street.command("m2", closed=True, asset=1)


def test_garbage_on_the_wire_costs_time_but_neither_records_nor_memory(street):
    rng = random.Random(5)
    for _ in range(80):
        street.tap.throw(rng.randbytes(rng.randrange(1, 300)))
        if rng.random() < 0.2:
            time.sleep(0.02)
    street.grows("m1")
    street.grows("m2")
    for name in ("m1", "m2"):
        assert "MemoryError" not in street.boards[name].log_path.read_text(errors="replace")
    street.until(lambda: not {"m1", "m2", "bus0"} & set(street.notices()), "quiet")


def test_a_swapped_board_is_named_and_its_records_are_its_own(street):
    street.boards["m2"].kill()
    head = len(street.held("m2"))
    street.boards["spare"].start()
    street.until(lambda: "board_swapped" in street.status()["notice_counts"], "board_swapped")
    street.grows("spare")
    assert len(street.held("m2")) == head
    for code, data in street.held("spare"):
        opened = registry.open_signed(code, data, CHAIN)
        assert street.device["spare"][:8] == opened.kid
    # A command for the board that is gone finds nobody, and no other board obeys it.
    street.wish("m2", closed=False)
    street.until(lambda: "board_absent" in street.notices().values(), "board_absent")
    assert street.relay("spare")


def test_two_boards_on_one_address_are_named_and_one_alone_is_read_again(street):
    """m2 comes back while the spare still sits on its address; both answer everything."""
    street.boards["m2"].start()
    street.until(
        lambda: "two_boards_on_one_address" in street.notices().values(), "the finding", 60
    )
    street.boards["spare"].kill()
    street.grows("m2")
    street.grows("m1")
    street.until(lambda: "m2" not in street.notices(), "the notice to go")
    street.until(lambda: not street.relay("m2"), "the command that waited")
