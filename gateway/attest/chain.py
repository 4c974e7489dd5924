"""An attested device's one chain: a record is signed and committed in one, or not at all.

Its position follows from the store's head alone, inside the transaction that moves the head. So a
crash leaves either the record with its head or neither, and what was signed but not committed has
never left this process: no second record exists under a number that anybody has seen.

All of it runs in the store's thread.
"""

from collections.abc import Callable

from gateway.admit import Admission, Admitted, Board, ChainState
from gateway.admit.errors import AdmissionRefused
from gateway.attest.errors import ChainRefused
from gateway.signer import Signer
from gateway.store import Batch, Head, Refusal, Store
from wireformat import identity
from wireformat.chained import Chained, Outcome

Notes = dict[str, bytes | None]


class AttestedChain:
    """Signs for one device. The epoch grows by one at each start of the gateway."""

    def __init__(
        self, store: Store, admission: Admission, signer: Signer, unix_ms: Callable[[], int]
    ) -> None:
        self._store, self._admission, self._signer = store, admission, signer
        self._unix_ms = unix_ms
        self._epoch: int | None = None

    def append(
        self,
        board: Board,
        kind: type[Chained],
        fields: dict[str, object],
        time_s: int,
        flags: int,
        notes: Notes | None = None,
    ) -> Head:
        """Sign a record of class `kind`, admit it as a board's, commit it with `notes`.

        Raises `ChainRefused` and `StoreError`: then nothing happened.
        """
        head = self._store.head(board.address)
        epoch, seq = self._position(head)
        record = kind(
            epoch=epoch,
            seq=seq,
            time_s=max(time_s, head.time_s if head else 0),
            flags=flags,
            prev=head.hash[: identity.PREV_BYTES] if head else identity.GENESIS_PREV,
            **fields,
        )
        data = self._signer.sign(record)
        admitted = self._admitted(board, head, kind.CODE, data)
        batch = Batch(board.address, [admitted.stored], head=admitted.head, notes=notes or {})
        if isinstance(record, Outcome):
            batch.outcomes.append(record)
        if admitted.fault is not None:
            fault = admitted.fault
            batch.refusals.append(
                Refusal(fault.code, board.address, kind.CODE, data, str(fault), self._unix_ms())
            )
        self._store.commit(batch)
        return admitted.head

    def _position(self, head: Head | None) -> tuple[int, int]:
        if self._epoch is None or (head is not None and head.epoch > self._epoch):
            self._epoch = (head.epoch if head else 0) + 1
        same = head is not None and head.epoch == self._epoch
        return self._epoch, head.seq + 1 if same and head else 0

    def _admitted(self, board: Board, head: Head | None, code: int, data: bytes) -> Admitted:
        def data_at(epoch: int, seq: int) -> bytes | None:
            return self._store.data_at(board.address, epoch, seq)

        try:
            result = self._admission.admit(
                board, ChainState(head, data_at), code, data, self._unix_ms()
            )
        except AdmissionRefused as refusal:
            raise ChainRefused(str(refusal), board.address.hex()) from refusal
        assert isinstance(result, Admitted), "a new position can't be a duplicate"
        return result
