"""Every reason for which a record is refused, and what passes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.admit import Admission, AdmissionRefused, Admitted, ChainState, Duplicate, Rules
from gateway.admit.errors import Implausible
from gateway.store.rows import Head, Permit
from gateway.tests.signing import CHAIN, T0, SigningBoard, seal
from wireformat import codes
from wireformat.identity import record_hash
from wireformat.unchained import Live

NOW_MS = (T0 + 10_000) * 1000


class Chain:
    """Admission with the memory that the store gives it."""

    def __init__(self, *boards: SigningBoard, **changes: object) -> None:
        self.boards = {b.board().kid: b.board(**changes) for b in boards}
        self.admission = Admission(CHAIN, Rules(), self.boards.get)
        self.board = next(iter(self.boards.values()))
        self.head: Head | None = None
        self.held: dict[tuple[int, int], bytes] = {}
        self.permits: list[Permit] = []

    def admit(self, code: int, data: bytes, now_ms: int = NOW_MS) -> Admitted | Duplicate:
        state = ChainState(self.head, lambda e, s: self.held.get((e, s)), self.permits)
        result = self.admission.admit(self.board, state, code, data, now_ms)
        if isinstance(result, Admitted):
            self.head = result.head
            self.held[result.head.epoch, result.head.seq] = data
        return result

    def reason(self, code: int, data: bytes, now_ms: int = NOW_MS) -> str:
        before = self.head
        with pytest.raises(AdmissionRefused) as caught:
            self.admit(code, data, now_ms)
        assert self.head == before
        assert caught.value.what
        return caught.value.code

    def fault(self, code: int, data: bytes, now_ms: int = NOW_MS) -> str:
        """Why a record of the chain doesn't count; it moves no measure for the next one."""
        before = self.head
        result = self.admit(code, data, now_ms)
        assert isinstance(result, Admitted)
        assert result.fault is not None
        assert self.head.hash == record_hash(data)
        if before is not None:
            assert (self.head.time_s, self.head.measured) == (before.time_s, before.measured)
        return result.fault.code


@pytest.fixture
def meter():
    return SigningBoard()


@pytest.fixture
def chain(meter):
    return Chain(meter)


def test_a_chain_over_reboots_passes_and_its_head_is_the_full_hash(meter, chain):
    for _ in range(3):
        chain.admit(*meter.add())
    meter.boot()
    chain.admit(*meter.add(meter.event()))
    code, data = meter.add()
    chain.admit(code, data)
    assert (chain.head.epoch, chain.head.seq) == (2, 1)
    assert chain.head.hash == record_hash(data)


def test_the_same_bytes_again_are_a_duplicate_and_no_refusal(meter, chain):
    first = meter.add()
    chain.admit(*first)
    chain.admit(*meter.add())
    assert chain.admit(*first) == Duplicate(1, 0)


def test_too_big(chain):
    assert chain.reason(1, bytes(241)) == "too_big"


@pytest.mark.parametrize("data", [b"", b"\xff" * 100, b"\xd2\x84\x41\x00"])
def test_bad_cbor(chain, data):
    assert chain.reason(1, data) == "bad_cbor"


def test_half_a_record_is_bad_cbor(meter, chain):
    code, data = meter.add()
    assert chain.reason(code, data[:80]) == "bad_cbor"


def test_wrong_type_unknown_code(meter, chain):
    assert chain.reason(99, meter.add()[1]) == "wrong_type"


def test_wrong_type_unchained(meter, chain):
    live = Live(
        time_s=T0,
        flags=0,
        counter=1,
        power_w=[1],
        current_ma=[1],
        voltage_dv=2300,
        frequency_mhz=50000,
    )
    assert chain.reason(live.CODE, seal(meter.seed, live)) == "wrong_type"


def test_wrong_type_a_feeder_record_from_a_meter(meter, chain):
    mlmd = SigningBoard(1, role=codes.MLMD)
    assert chain.reason(*mlmd.add()) == "wrong_type"


def test_unknown_key(chain):
    assert chain.reason(*SigningBoard(9).add()) == "unknown_key"


def test_wrong_board(meter):
    other = SigningBoard(2)
    assert Chain(meter, other).reason(*other.add()) == "wrong_board"


def test_not_enrolled(meter):
    assert Chain(meter, enrolled=False).reason(*meter.add()) == "not_enrolled"


def test_revoked(meter):
    assert Chain(meter, revoked=True).reason(*meter.add()) == "revoked"


def test_tampered_bytes_are_a_bad_signature(meter, chain):
    code, data = meter.add()
    at = data.index((1003).to_bytes(2, "big"))
    changed = data[:at] + (903).to_bytes(2, "big") + data[at + 2 :]
    assert chain.reason(code, changed) == "bad_signature"


def test_forged_with_another_key_under_this_kid_is_a_bad_signature(meter, chain):
    record = meter.reading()
    forged = seal(meter.seed, record)
    wrong = seal(SigningBoard(7).seed, record)
    assert chain.reason(record.CODE, forged[:-64] + wrong[-64:]) == "bad_signature"


def test_signed_for_another_chain_is_a_bad_signature(meter, chain):
    record = meter.reading()
    assert chain.reason(record.CODE, seal(meter.seed, record, "other")) == "bad_signature"


def test_equivocation_keeps_no_second_truth(meter, chain):
    twin = SigningBoard()
    chain.admit(*meter.add())
    assert chain.reason(*twin.add(twin.reading(add_wh=900))) == "equivocation"


def test_a_tampered_record_at_a_taken_position_is_no_equivocation(meter, chain):
    code, data = meter.add()
    chain.admit(code, data)
    assert chain.reason(code, data[:-1] + bytes([data[-1] ^ 1])) == "bad_signature"


def test_replayed_from_before_what_is_held(meter, chain):
    early = meter.add()
    late = [meter.add() for _ in range(3)]
    chain.head = Head(1, 3, record_hash(late[-1][1]), T0)
    assert chain.reason(*early) == "replayed"


def test_reordered_is_a_gap(meter, chain):
    chain.admit(*meter.add())
    meter.add()
    assert chain.reason(*meter.add()) == "gap"


def test_a_first_record_that_is_not_the_first_is_a_gap(meter, chain):
    meter.add()
    assert chain.reason(*meter.add()) == "gap"


def test_a_skipped_tail_of_an_epoch_is_a_broken_chain(meter, chain):
    chain.admit(*meter.add())
    meter.add()
    meter.boot()
    assert chain.reason(*meter.add()) == "broken_chain"


def test_broken_chain(meter, chain):
    chain.admit(*meter.add())
    assert chain.reason(*meter.add(meter.reading(prev=bytes(16)))) == "broken_chain"


def test_clock_ahead_by_years_and_just_inside_the_bound(meter, chain):
    assert chain.fault(*meter.add(), now_ms=(T0 - 2 * 366 * 86400) * 1000) == "clock_ahead"
    result = chain.admit(*meter.add(), now_ms=(meter.time_s - 60 - 300) * 1000)
    assert result.fault is None


def test_clock_behind(meter, chain):
    assert chain.fault(*meter.add(), now_ms=(T0 + 61 * 86400) * 1000) == "clock_behind"


def test_clock_backwards(meter, chain):
    chain.admit(*meter.add())
    assert chain.fault(*meter.add(meter.reading(time_s=T0 - 1))) == "clock_backwards"


def test_an_untrusted_clock_may_say_anything_and_moves_no_bound(meter, chain):
    untrusted = codes.CLOCK_UNTRUSTED
    chain.admit(*meter.add())
    chain.admit(*meter.add(meter.reading(time_s=0, flags=untrusted)))
    chain.admit(*meter.add(meter.reading(time_s=1 << 40, flags=untrusted)))
    assert chain.head.time_s == T0
    meter.time_s = T0 + 240
    assert isinstance(chain.admit(*meter.add()), Admitted)


def test_wrong_channels(meter):
    assert Chain(meter, channels=3).fault(*meter.add()) == "wrong_channels"


def test_a_register_that_runs_back(meter, chain):
    chain.admit(*meter.add())
    assert chain.fault(*meter.add(meter.reading(add_wh=-1))) == "implausible_register"


def test_without_trusted_time_energy_is_bounded_by_that_of_a_day(meter, chain):
    untrusted = codes.CLOCK_UNTRUSTED
    chain.admit(*meter.add())
    chain.admit(*meter.add(meter.reading(add_wh=720_002, flags=untrusted)))
    faulty = meter.add(meter.reading(add_wh=720_003, flags=untrusted))
    assert chain.fault(*faulty) == "implausible_register"


def test_after_an_implausible_record_the_chain_goes_on(meter, chain):
    chain.admit(*meter.add())
    assert chain.fault(*meter.add(meter.reading(add_wh=5000))) == "implausible_register"
    meter.import_wh = 1003
    result = chain.admit(*meter.add())
    assert result.fault is None


def test_a_register_that_runs_back_over_events_and_reboots(meter, chain):
    chain.admit(*meter.add())
    meter.boot()
    chain.admit(*meter.add(meter.event()))
    assert chain.fault(*meter.add(meter.reading(add_wh=-1))) == "implausible_register"


def test_a_register_that_runs_faster_than_the_line_carries(meter, chain):
    chain.admit(*meter.add())
    # 30 kW for 60 s and one interval of 60 s: 1000 Wh, and 2 Wh of resolution.
    assert chain.fault(*meter.add(meter.reading(add_wh=1003))) == "implausible_register"
    meter = SigningBoard()
    chain = Chain(meter)
    chain.admit(*meter.add())
    assert isinstance(chain.admit(*meter.add(meter.reading(add_wh=1002))), Admitted)


@pytest.mark.parametrize("row", [[1003, 0, 30_001, 400, 0], [1003, 0, 180, 30_001, 0]])
def test_implausible_power(meter, chain, row):
    assert chain.fault(*meter.add(meter.reading(channels=[row, row]))) == "implausible_power"


# ---- signed gaps -----------------------------------------------------------------------------


def with_gap(meter, chain, *ranges):
    """Two admitted, five evicted, one more, then a gap event for each of `ranges`."""
    chain.admit(*meter.add())
    chain.admit(*meter.add())
    for _ in range(5):
        meter.add()
    after = meter.add()
    gaps = [meter.add(meter.event(codes.EV_JOURNAL_GAP, detail)) for detail in ranges]
    for gap in gaps:
        permit = chain.admission.gap(chain.board, *gap)
        if permit:
            chain.permits.append(permit)
    return after, gaps


@pytest.mark.parametrize(
    "ranges",
    [
        [(1, 2, 1, 6)],
        [(1, 2, 1, 3), (1, 4, 1, 6)],
        [(1, 2, 1, 3), (1, 2, 1, 6)],
        [(1, 0, 1, 6)],
    ],
)
def test_signed_gaps_permit_the_jump_they_name(meter, chain, ranges):
    after, gaps = with_gap(meter, chain, *ranges)
    assert isinstance(chain.admit(*after), Admitted)
    for gap in gaps:
        assert isinstance(chain.admit(*gap), Admitted)


@pytest.mark.parametrize(
    "ranges", [[], [(1, 2, 1, 5)], [(1, 3, 1, 6)], [(1, 2, 1, 3), (1, 5, 1, 6)], [(1, 2, 9, 6)]]
)
def test_gaps_that_leave_a_hole_permit_nothing(meter, chain, ranges):
    after, _ = with_gap(meter, chain, *ranges)
    assert chain.reason(*after) == "gap"


def test_a_gap_event_with_a_bad_signature_permits_nothing(meter, chain):
    meter.add()
    code, data = meter.add(meter.event(codes.EV_JOURNAL_GAP, (1, 0, 1, 0)))
    assert chain.admission.gap(chain.board, code, data)
    with pytest.raises(AdmissionRefused):
        chain.admission.gap(chain.board, code, data[:-1] + bytes([data[-1] ^ 1]))


def test_a_gap_over_a_reboot(meter, chain):
    chain.admit(*meter.add())
    meter.add()
    meter.boot()
    after = meter.add()
    gap = meter.add(meter.event(codes.EV_JOURNAL_GAP, (1, 1, 1, 1)))
    chain.permits.append(chain.admission.gap(chain.board, *gap))
    assert isinstance(chain.admit(*after), Admitted)


# ---- any order -------------------------------------------------------------------------------

LENGTH = 12


def _chain_of_twelve() -> tuple[SigningBoard, list[tuple[int, bytes]]]:
    meter = SigningBoard()
    for index in range(LENGTH):
        if index in (4, 5, 9):
            meter.boot()
        meter.add()
    return meter, meter.journal


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, LENGTH - 1), max_size=60))
def test_whatever_the_order_the_head_only_walks_the_chain(order):
    meter, journal = _chain_of_twelve()
    chain, admitted = Chain(meter), 0
    for index in order:
        if index <= admitted:
            result = chain.admit(*journal[index])
            assert isinstance(result, Admitted if index == admitted else Duplicate)
            admitted = max(admitted, index + 1)
        else:
            assert chain.reason(*journal[index]) in ("gap", "broken_chain")
    for index in range(admitted, LENGTH):
        chain.admit(*journal[index])
    assert chain.head.hash == record_hash(journal[-1][1])


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_changed_byte_passes(at, change):
    meter = SigningBoard()
    code, data = meter.add()
    at %= len(data)
    changed = data[:at] + bytes([data[at] ^ change]) + data[at + 1 :]
    Chain(meter).reason(code, changed)


def test_refusals_say_what_to_do():
    kinds = [*AdmissionRefused.__subclasses__(), *Implausible.__subclasses__()]
    kinds.remove(Implausible)
    assert all(kind.todo and kind.__doc__ for kind in kinds)
    assert len({kind.code for kind in kinds}) == len(kinds) == 18
