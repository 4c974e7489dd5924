"""A ledger node that lies: nothing of it is believed, boards are read on, no relay moves."""

import pytest
from tapped_street import CHAIN

from ledger.setup import seal
from truewatt.hostile import forgery, intruder
from truewatt.hostile.lying_node import HEADER_LIES, absence_lie, listed_commands, value_lie
from wireformat import cbor, codes
from wireformat.chained import Outcome


@pytest.mark.parametrize(
    "lie",
    [HEADER_LIES["app_hash"], HEADER_LIES["signature"], HEADER_LIES["time"]],
    ids=["app_hash", "signature", "time"],
)
def test_headers_that_lie_stop_no_reading_and_are_named(street, lie):
    lies = street.status()["light"]["lies"]
    street.liar.lie = lie
    street.until(lambda: street.status()["light"]["lies"] > lies, "the lie to be counted")
    street.until(lambda: "ledger_lied" in street.notices().values(), "ledger_lied")
    street.grows("m1")
    street.until(lambda: intruder.status(street, "m1").unacked <= 1, "acks to go on")
    street.liar.honest()
    street.until(lambda: "ledger_lied" not in street.notices().values(), "truth to be enough")


@pytest.mark.parametrize("lie", [value_lie, absence_lie], ids=["value", "absence"])
def test_values_that_lie_unmake_no_board(street, lie):
    lies = street.status()["light"]["lies"]
    street.liar.lie = lie
    street.until(lambda: street.status()["light"]["lies"] > lies, "the lie to be counted")
    street.grows("m1")
    street.liar.honest()
    street.until(lambda: "ledger_lied" not in street.notices().values(), "truth to be enough")


def test_commands_that_a_node_invents_move_no_relay_and_true_ones_do(street):
    """One signed by the gateway's own key, one by the control key without an intent behind it."""
    order = intruder.order(street, "m1", asset=1, action=codes.OPEN, id=b"invented")
    rows = [seal(order, street.seeds[name], CHAIN) for name in ("gateway", "control")]
    before = street.relay("m1", asset=1)
    lies = street.status()["light"]["lies"]
    street.liar.lie = listed_commands(cbor.encode(rows))
    street.until(lambda: street.status()["light"]["lies"] > lies + 2, "the lie to be counted")
    assert street.relay("m1", asset=1) == before
    ended = [forgery.opened(*row, CHAIN) for row in street.held("m1") if row[0] == Outcome.CODE]
    assert b"invented" not in {outcome.command_id for outcome in ended}
    street.liar.honest()
    street.command("m1", closed=not street.relay("m1"))
