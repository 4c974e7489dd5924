"""Clocks that are wrong: a board without time, a gateway whose clock is years ahead."""

from tapped_street import ADDRESSES, CHAIN, SPEED, YEAR_S

from ledger.clock import Clock
from truewatt.hostile import intruder
from truewatt.hostile.intruder import give, order, status
from wireformat import codes, registry
from wireformat.chained import Reading
from wireformat.control import Beacon


def readings(street, name: str) -> list[Reading]:
    rows = [registry.open_signed(*row, CHAIN).record for row in street.held(name)]
    return [row for row in rows if isinstance(row, Reading)]


def test_without_trusted_time_readings_are_flagged_and_only_the_safe_way_is_open(street):
    def no_time(request):
        """Spoil the signature of each beacon."""
        if not intruder.is_inbox_write(request, ADDRESSES["m1"]) or request[9] != Beacon.CODE:
            return request
        end = 13 + request[10]
        return request[: end - 1] + bytes((request[end - 1] ^ 1,)) + request[end:]

    street.tap.on_request = no_time
    street.boards["m1"].kill()
    street.boards["m1"].start()
    street.until(
        lambda: readings(street, "m1")[-1].flags & codes.CLOCK_UNTRUSTED, "an undated reading"
    )
    assert not status(street, "m1").clock_trusted
    found = give(street, "m1", order(street, "m1"), street.seeds["control"])
    assert found == (codes.INBOX_REFUSED, codes.R_CLOCK_UNTRUSTED)
    assert not street.relay("m1", asset=1)
    street.tap.honest()
    street.until(lambda: status(street, "m1").clock_trusted, "its time")
    street.until(
        lambda: not readings(street, "m1")[-1].flags & codes.CLOCK_UNTRUSTED, "a dated reading"
    )


def ahead(street, seconds: int) -> Clock:
    """A clock that is ahead of the street's."""
    return Clock.starting_at(street.clock.unix_ms() + 1000 * seconds, SPEED)


def test_a_gateway_years_ahead_takes_no_board_with_it(street):
    """Its beacons reach beyond its own certificate, so boards refuse them; the ledger's trust in
    it has run out too. With the right time it goes on, nothing lost."""
    street.stop_gateway()
    street.start_gateway(ahead(street, 3 * YEAR_S))
    street.until(lambda: "trust_expired" in street.notices().values(), "trust_expired")
    # A board that has no time is offered the wrong one.
    street.boards["m1"].kill()
    street.boards["m1"].start()
    street.until(lambda: intruder.answers(street, "m1"), "the board")
    street.until(
        lambda: "beacon: certificate expired" in street.log("gateway"), "the board's refusal"
    )
    street.grows("m1")
    assert not status(street, "m1").clock_trusted
    street.until(lambda: street.refusals().get("clock_behind"), "clock_behind")
    street.stop_gateway()
    street.start_gateway()
    street.until(lambda: status(street, "m1").clock_trusted, "its time")
    street.grows("m1", 3)
    now_s = street.clock.unix_ms() // 1000
    assert abs(readings(street, "m1")[-1].time_s - now_s) < 60
    street.command("m1", closed=not street.relay("m1"))
