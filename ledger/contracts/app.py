"""The application: what a block does to the state. Pure; both engines drive it.

    genesis_changes(params, chain_id, genesis_ms) -> Changes     # the state before height 1
    check_tx(state, chain_id, data, now_s) -> Checked            # junk is cheap to refuse
    finalize(state, params, BlockInput(...)) -> Finalized        # does not touch `state`
    next_due_ms(state, params, chain_id) -> int                  # when time alone needs a block

Order within a block: its transactions as they stand, then expiry of intents, prices, management. A
transaction that fails leaves nothing behind but its result and its used nonce: whoever saw it could
else play it again, as often as they like, or once it would succeed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ledger.contracts import control, losses, management, metering, pricing, registry, sections
from ledger.contracts.batches import by_closing
from ledger.contracts.bodies import (
    AccountBody,
    CertificateBody,
    EnrolBody,
    LossModelBody,
    PreferencesBody,
    RecordsBody,
    RevokeBody,
    SectionLimitBody,
)
from ledger.contracts.context import Context, Event
from ledger.contracts.errors import (
    ContractError,
    ContractFault,
    NotATransaction,
    UnknownKind,
    UnknownSigner,
    UsedNonce,
    WrongSignature,
)
from ledger.contracts.params import ChainParams
from ledger.contracts.registry import Signer
from ledger.state import MemoryState, Overlay, State
from ledger.state.store import Changes
from ledger.tx import BadTxSignature, MalformedTx, Tx, open_tx
from wireformat import cbor, codes
from wireformat.chained import Outcome

PARAMS = b"chain/params"
_FAULTS = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""What a contract's own mistake raises, the same on every machine (not: memory, recursion)."""


@dataclass(frozen=True, slots=True)
class BlockInput:
    """What the contracts see of a block; `time_ms` is its header's time, rounded down."""

    chain_id: str
    height: int
    time_ms: int
    txs: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class TxResult:
    """How one transaction ended: `code` of `ContractError`, 0 if it did what it says."""

    code: int
    data: bytes = b""
    log: str = ""
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Finalized:
    """A block's effect: a result per transaction, the events of its end, and the changes."""

    results: tuple[TxResult, ...]
    events: tuple[Event, ...]
    changes: Changes

    def all_events(self) -> tuple[Event, ...]:
        """Every event of the block in the order of its index."""
        return tuple(event for result in self.results for event in result.events) + self.events


@dataclass(frozen=True, slots=True)
class Checked:
    """A transaction that may enter a block: its signer's address and its nonce."""

    address: bytes
    nonce: int


def genesis_changes(params: ChainParams, chain_id: str, genesis_ms: int) -> Changes:
    """The state before the first block."""
    overlay = Overlay(MemoryState())
    ctx = Context(overlay, params, chain_id, 0, genesis_ms)
    overlay.put(PARAMS, cbor.encode({0: chain_id, 1: params.to_json()}))
    registry.initial_state(ctx)
    pricing.initial_state(ctx)
    return overlay.changes()


def check_tx(state: State, chain_id: str, data: bytes, now_s: int) -> Checked:
    """Refuse junk before any curve work: size, shape, kind, signer, nonce; the signature last.

    `now_s` is the time that the next block may have: an expired key is refused here too.
    """
    tx, signer = _admitted(state, chain_id, data, now_s)
    return Checked(signer.address, tx.nonce)


def finalize(state: State, params: ChainParams, block: BlockInput) -> Finalized:
    """Everything that a block does, as changes to `state`."""
    overlay = Overlay(state)
    ctx = Context(overlay, params, block.chain_id, block.height, block.time_ms)
    changed: set[int] = set()
    results = tuple(_execute(ctx, data, changed) for data in block.txs)
    first = len(ctx.events)
    control.tick(ctx)
    changed |= pricing.tick(ctx)
    management.tick(ctx, changed)
    return Finalized(results, tuple(ctx.events[first:]), overlay.changes())


def next_due_ms(state: State, params: ChainParams, chain_id: str) -> int:
    """Block time from which `finalize` has something to do without any transaction."""
    ctx = Context(state, params, chain_id, 0, 0)
    return min(control.due_ms(ctx), pricing.due_ms(ctx), management.due_ms(ctx))


def _opened(data: bytes, chain_id: str) -> Tx:
    try:
        return open_tx(data, chain_id)
    except MalformedTx as error:
        raise NotATransaction(str(error)) from error


def _check_signature(tx: Tx, public_key: bytes) -> None:
    try:
        tx.check_signature(public_key)
    except BadTxSignature as error:
        raise WrongSignature(str(error)) from error


def _execute(ctx: Context, data: bytes, changed: set[int]) -> TxResult:
    first = len(ctx.events)
    areas: set[int] = set()
    try:
        tx, signer = _admitted(ctx.state, ctx.chain_id, data, ctx.now_s)
        registry.use_nonce(ctx, signer.address, tx.nonce)
        attempt = ctx.attempt()
        answer = _run(attempt.context, signer, tx, areas)
    except ContractError as error:
        return TxResult(error.code, log=f"{type(error).__name__}: {error}")
    attempt.keep()
    changed |= areas
    return TxResult(0, answer, events=tuple(ctx.events[first:]))


def _admitted(state: State, chain_id: str, data: bytes, now_s: int) -> tuple[Tx, Signer]:
    """A transaction that its signer may send at `now_s`, and really sent."""
    tx = _opened(data, chain_id)
    if tx.kind not in _HANDLERS:
        raise UnknownKind(f"no transactions of kind {tx.kind!r}")
    signer = registry.find_signer(state, tx.kid, now_s)
    if signer is None:
        raise UnknownSigner(f"key {tx.kid.hex()} may not sign transactions at this time")
    last = registry.last_nonce(state, signer.address)
    if tx.nonce <= last:
        raise UsedNonce(f"nonce {tx.nonce} is not above {last}")
    _check_signature(tx, signer.public_key)
    return tx, signer


def _run(ctx: Context, signer: Signer, tx: Tx, areas: set[int]) -> bytes:
    """A mistake in a contract fails the transaction that met it; the chain must not stand still."""
    try:
        return _HANDLERS[tx.kind](ctx, signer, tx, areas)
    except _FAULTS as error:
        raise ContractFault(f"{type(error).__name__} in {tx.kind!r}") from error


def _certificate(ctx: Context, signer: Signer, tx: Tx, areas: set[int]) -> bytes:
    registry.certificate(ctx, CertificateBody.from_map(tx.body))
    # A control certificate lets management order again; there are few, so every area looks.
    areas |= {area.area for area in ctx.params.areas}
    return b""


def _account(ctx: Context, signer: Signer, tx: Tx, areas: set[int]) -> bytes:
    registry.account(ctx, signer, AccountBody.from_map(tx.body))
    return b""


def _enrol(ctx: Context, signer: Signer, tx: Tx, areas: set[int]) -> bytes:
    registry.enrol(ctx, signer, EnrolBody.from_map(tx.body))
    return b""


def _revoke(ctx: Context, signer: Signer, tx: Tx, areas: set[int]) -> bytes:
    registry.revoke(ctx, signer, RevokeBody.from_map(tx.body))
    return b""


def _preferences(ctx: Context, signer: Signer, tx: Tx, areas: set[int]) -> bytes:
    areas.add(management.preferences(ctx, signer, PreferencesBody.from_map(tx.body)))
    return b""


def _section_limit(ctx: Context, signer: Signer, tx: Tx, areas: set[int]) -> bytes:
    areas.add(sections.section_limit(ctx, signer, SectionLimitBody.from_map(tx.body)))
    return b""


def _loss_model(ctx: Context, signer: Signer, tx: Tx, areas: set[int]) -> bytes:
    losses.loss_model(ctx, signer, LossModelBody.from_map(tx.body))
    return b""


def _records(ctx: Context, signer: Signer, tx: Tx, areas: set[int]) -> bytes:
    """Admit a batch; the answer is a CBOR list with one code of `metering.ADMISSION` per record."""
    signer.require(codes.ACK)
    body = RecordsBody.from_map(tx.body)
    batches = by_closing(body.batches, len(body.records))
    answer = []
    stale: metering.Stale = {}
    for place, (code, data) in enumerate(body.records):
        batch = batches.get(place)
        admission, measured = metering.admit(ctx, signer.area, code, data, batch, stale)
        answer.append(admission)
        if measured is not None:
            _follow(ctx, measured, areas)
    counts = {name: answer.count(number) for number, name in metering.ADMISSION.items()}
    ctx.emit(
        "metering/records",
        gateway=signer.address,
        **{name: count for name, count in counts.items() if count},
    )
    return cbor.encode(answer)


def _follow(ctx: Context, measured: metering.Measured, areas: set[int]) -> None:
    """Tell the other contracts of an admitted record."""
    pricing.on_reading(ctx, measured)
    losses.on_record(ctx, measured)
    is_news = management.on_record(ctx, measured)
    if sections.on_feeder(ctx, measured) or is_news:
        areas.add(measured.device.area)
    if isinstance(measured.record, Outcome):
        intent = control.on_outcome(ctx, measured.address, measured.device, measured.record)
        if intent is not None:
            management.on_outcome(ctx, measured.device, intent)
            areas.add(measured.device.area)


_HANDLERS: dict[str, Callable[[Context, Signer, Tx, set[int]], bytes]] = {
    "certificate": _certificate,
    "account": _account,
    "enrol": _enrol,
    "revoke": _revoke,
    "records": _records,
    "preferences": _preferences,
    "section_limit": _section_limit,
    "loss_model": _loss_model,
}
