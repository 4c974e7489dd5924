"""After everything that the other files did to it: what the boards signed against what is kept."""

from street import AT_WORK, CHAIN

from truewatt.demo.accounting import account, parse


def test_nothing_that_was_acked_is_lost_and_nothing_is_there_twice(street):
    for name in AT_WORK:
        street.grows(name)
    street.stop_gateway()
    stored = {name: parse(street.held(name), CHAIN) for name in (*AT_WORK, "spare")}
    for board in street.boards.values():
        board.kill()
    journals = {name: parse(street.boards[name].journal(), CHAIN) for name in stored}
    newest_s = min(rows[-1].record.time_s for name, rows in stored.items() if name in AT_WORK)
    total = account(journals, stored, end_s=newest_s - 60)
    assert total.faults == []
    assert (total.lost, total.duplicated, total.foreign) == (0, 0, 0)
    assert total.admitted > 20
