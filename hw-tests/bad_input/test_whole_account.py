"""After everything that the other files did to it: what the boards signed against what is kept."""

from tapped_street import AT_WORK, CHAIN

from truewatt.demo.accounting import account, parse


def test_nothing_that_was_acked_is_lost_and_nothing_is_there_twice(street):
    for name in AT_WORK:
        street.grows(name)
    street.stop_gateway()
    for board in street.boards.values():
        board.kill()
    checked(street, AT_WORK, last_s(street) - 60)
    # The spare was taken away again with records on its flash: they wait there, in order.
    if street.held("spare"):
        checked(street, ("spare",), 0)


def last_s(street) -> int:
    """When the board that was heard last the longest ago signed what was heard."""
    return min(parse(street.held(name), CHAIN)[-1].record.time_s for name in AT_WORK)


def checked(street, names: tuple[str, ...], end_s: int) -> None:
    stored = {name: parse(street.held(name), CHAIN) for name in names}
    journals = {name: parse(street.boards[name].journal(), CHAIN) for name in names}
    total = account(journals, stored, end_s)
    assert total.faults == []
    assert (total.lost, total.late, total.duplicated, total.foreign) == (0, 0, 0, 0)
    assert total.admitted > 1
