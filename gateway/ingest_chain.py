"""One board's chain in memory: what is committed of it, and what the batch under way adds."""

from gateway.admit import Admission, AdmissionRefused, Admitted, Board, ChainState, Duplicate, fast
from gateway.admit.errors import BadSignature, BrokenChain, Gap
from gateway.store import Batch, Head, Refusal, Store
from wireformat.chained import Outcome


class Chain:
    """Used in the store's thread only. `last`: where the ledger knows the chain to stand."""

    def __init__(
        self, admission: Admission, store: Store, device: bytes, last: Head | None
    ) -> None:
        self._admission, self._store, self._device = admission, store, device
        if last is not None:
            store.anchor(device, last)
        self.head = store.head(device)
        self._permits = store.permits(device)
        self._state = ChainState(self.head, self._data_at, self._permits)
        self.last = last
        self._shown: bytes = b""
        self.committed()

    def committed(self) -> None:
        """The batch took effect: begin the next."""
        self.batch = Batch(self._device, before=self.head, checked=True)
        self._fresh: dict[tuple[int, int], bytes] = {}
        self.held: AdmissionRefused | None = None
        self.genuine = False
        self.duplicates = self.refused = 0

    def take(
        self, board: Board, code: int, data: bytes, envelope: fast.Envelope | None, now_ms: int
    ) -> None:
        """Judge the next record; `envelope` says that its signature was found to hold."""
        self.genuine = envelope is not None
        try:
            result = self._judge(board, code, data, envelope, now_ms)
        except (Gap, BrokenChain) as refusal:
            self._hold(refusal, board, code, data, now_ms)
        except AdmissionRefused as refusal:
            self.genuine = self.genuine and not isinstance(refusal, BadSignature)
            self.refused += 1
            self._note(refusal, code, data, now_ms)
        else:
            self._admitted(result, code, data, now_ms)

    def _judge(
        self, board: Board, code: int, data: bytes, envelope: fast.Envelope | None, now_ms: int
    ) -> Admitted | Duplicate:
        state = self._state
        state.head = self.head
        record = None if envelope is None else fast.record(code, envelope.payload)
        if record is None or envelope is None:
            return self._admission.admit(board, state, code, data, now_ms)
        return self._admission.judge(board, state, code, data, now_ms, record, _holds)

    def _admitted(self, result: Admitted | Duplicate, code: int, data: bytes, now_ms: int) -> None:
        if not isinstance(result, Admitted):
            self.duplicates += 1
            return
        self.genuine = True
        self.head, self.held, self._shown = result.head, None, b""
        self._fresh[result.record.epoch, result.record.seq] = data
        self.batch.records.append(result.stored)
        self.batch.head = result.head
        if isinstance(result.record, Outcome):
            self.batch.outcomes.append(result.record)
        if result.permit:
            self.batch.permits.append(result.permit)
            self._permits.append(result.permit)
        if result.fault:
            self.refused += 1
            self._note(result.fault, code, data, now_ms)

    def _hold(
        self, refusal: AdmissionRefused, board: Board, code: int, data: bytes, now_ms: int
    ) -> None:
        """A hole before this record: go on where the ledger stands, or wait for what fills it.

        It is a refusal once the board has shown the same record again and nothing has filled it:
        what was merely lost on the way comes before that.
        """
        if self._catch_up():
            self.take(board, code, data, None, now_ms)
            return
        permit = self._admission.gap(board, code, data)
        if permit is not None and permit not in self._permits:
            self._permits.append(permit)
            self.batch.permits.append(permit)
        if data == self._shown:
            self.refused += 1
            self._note(refusal, code, data, now_ms)
        if self.held is None:
            self.held, self._shown = refusal, data

    def _catch_up(self) -> bool:
        """After the store was restored from a back-up, the ledger knows more of the chain."""
        last, head = self.last, self.head
        if last is None or self.batch.records:
            return False
        if head is not None and (head.epoch, head.seq) >= (last.epoch, last.seq):
            return False
        if not self._store.anchor(self._device, last, True):
            return False
        self.head = self.batch.before = last
        return True

    def _note(self, refusal: AdmissionRefused, code: int, data: bytes, now_ms: int) -> None:
        self.batch.refusals.append(
            Refusal(refusal.code, self._device, code, data, str(refusal), now_ms)
        )

    def _data_at(self, epoch: int, seq: int) -> bytes | None:
        fresh = self._fresh.get((epoch, seq))
        return fresh or self._store.data_at(self._device, epoch, seq)


def _holds() -> None:
    """In place of `check_signature` where that was done already."""
