"""The books of a run: lost, duplicated, foreign and in-flight records are told apart."""

from truewatt.demo.accounting import Account, SignedRecord, account
from wireformat.chained import Reading

END_S = 1000


def record(seq: int, time_s: int = 500, epoch: int = 1, mark: int = 0) -> SignedRecord:
    reading = Reading(
        epoch=epoch,
        seq=seq,
        time_s=time_s,
        flags=0,
        prev=bytes(16),
        interval_s=60,
        channels=[[seq, mark, 0, 0, 0]],
        voltage_dv=2300,
        max_ma=0,
    )
    return SignedRecord((epoch, seq), reading.payload(), reading)


def books(journal: list[SignedRecord], kept: list[SignedRecord]) -> Account:
    return account({"m1": journal}, {"m1": kept}, END_S)


def test_equal_books_have_no_fault() -> None:
    items = [record(0), record(1), record(0, epoch=2)]
    total = books(items, items)
    assert (total.signed, total.admitted, total.faults) == (3, 3, [])


def test_a_hole_is_lost_even_after_the_end() -> None:
    items = [record(0), record(1, END_S + 5), record(2, END_S + 9)]
    total = books(items, [items[0], items[2]])
    assert (total.lost, total.in_flight) == (1, 0)


def test_a_record_of_the_run_that_has_not_arrived_is_late_and_a_fault() -> None:
    total = books([record(0), record(1, END_S)], [record(0)])
    assert (total.lost, total.late, len(total.faults)) == (0, 1, 1)


def test_a_later_record_that_the_journal_still_holds_is_in_flight() -> None:
    total = books([record(0), record(1, END_S + 1)], [record(0)])
    assert (total.lost, total.in_flight) == (0, 1)


def test_two_records_for_one_position_are_a_duplicate() -> None:
    assert books([record(0), record(0, mark=7)], [record(0)]).duplicated == 2
    assert books([record(0)], [record(0), record(0)]).duplicated == 1
    assert books([record(0)], [record(0, mark=7)]).duplicated == 1


def test_a_kept_record_that_its_board_never_signed_is_foreign() -> None:
    assert books([record(0), record(2)], [record(0), record(1), record(2)]).foreign == 1


def test_what_the_journal_has_evicted_is_no_fault() -> None:
    assert books([record(5)], [record(4), record(5)]).faults == []
