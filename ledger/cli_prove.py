"""`truewatt ledger verify-record`: a record against the chain alone.

The node that is asked is not believed: headers are verified from the genesis on (or from a block
that a person vouches for), the transaction is held against its block, its result against the next
header, the board's key against the state.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

from ledger.blocks.results import ExecTxResult, last_results_hash
from ledger.clock import Clock
from ledger.contracts.objects import ACTIVE, Device, unpack
from ledger.contracts.registry import DEVICE
from ledger.genesis import Genesis
from ledger.light import LightBlock, LightClient, LightError, LightParams, SqliteStore
from ledger.record_proof import ProofRefused, Proven, RecordProof, check
from ledger.rpc.client import RpcClient
from ledger.state.proof import StateProofError, verify_proof
from ledger.tx import tx_id
from wireformat import identity

_NS = 1_000_000_000
MAX_FILE_BYTES = 1 << 16
Trusted = tuple[int, bytes]


@dataclass(frozen=True)
class Found:
    """What was proven: the record, the block that its transaction is in, the board as it stands."""

    proven: Proven
    height: int
    time_ms: int
    device: Device


def verify_record(
    path: Path, genesis: Path, rpc: str, trusted: Trusted | None, trusting_period_s: int
) -> int:
    """Print what a proof proves; raises what is wrong with it."""
    proof = RecordProof.from_json(_read(path))
    found = asyncio.run(_verify(proof, Genesis.load(genesis), rpc, trusted, trusting_period_s))
    record, device = found.proven.record, found.device
    shown = {
        "device": proof.device.hex(),
        "type": record.TYPE,
        "epoch": record.epoch,
        "seq": record.seq,
        "time_s": record.time_s,
        "on_chain": "whole" if found.proven.whole else "by its batch's root",
        "height": found.height,
        "block_time_ms": found.time_ms,
        "board_in_good_standing": device.status == ACTIVE,
        "record": {name: _shown(getattr(record, name)) for _, name, _, _ in record.FIELDS},
    }
    print(json.dumps(shown, indent=2))
    return 0


def _shown(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value


def _read(path: Path) -> object:
    data = path.read_bytes()
    try:
        if len(data) > MAX_FILE_BYTES:
            raise ValueError(f"{len(data)} bytes")
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ProofRefused(f"{path}: no JSON of a proof: {error}") from error


async def _verify(
    proof: RecordProof, genesis: Genesis, rpc: str, trusted: Trusted | None, period_s: int
) -> Found:
    with SqliteStore(Path(":memory:")) as store:
        async with RpcClient(rpc) as client:
            params = LightParams(chain_id=genesis.chain_id, trusting_period_ns=period_s * _NS)
            chain = _Chain(client, LightClient(client, store, params))
            try:
                await chain.begin(genesis, trusted)
                return await chain.find(proof, genesis.chain_id)
            except (LightError, StateProofError) as error:
                raise ProofRefused(f"{type(error).__name__}: {error}") from error


class _Chain:
    """A chain as verified headers; what else the node says is held against them."""

    def __init__(self, client: RpcClient, light: LightClient) -> None:
        self._client, self._light = client, light
        self._now_ns = Clock.from_env().unix_ns()

    async def begin(self, genesis: Genesis, trusted: Trusted | None) -> None:
        """From block 1, which the genesis' validators signed, or a block vouched for."""
        if trusted is None:
            first = await self._client.light_block(1)
            if first.validators.hash() != genesis.validators.hash():
                raise ProofRefused("block 1 has other validators than the genesis")
            trusted = (1, first.hash)
        await self._light.trust(*trusted)
        await self._light.sync(self._now_ns)

    async def find(self, proof: RecordProof, chain_id: str) -> Found:
        """The proof's record on this chain."""
        told = await self._client.tx(proof.tx)
        if told is None:
            raise ProofRefused(f"no block holds transaction {proof.tx.hex()}")
        header = await self._header(told.height)
        tx, code, answer = await self._result(proof.tx, header)
        proven = check(proof, tx, code, answer, chain_id)
        device = await self._device(proof.device)
        proven.check_signature(device.public_key)
        return Found(proven, header.height, header.header.time_ns // 1_000_000, device)

    async def _header(self, height: int) -> LightBlock:
        return await self._light.block_at(height, self._now_ns)

    async def _result(self, identifier: bytes, header: LightBlock) -> tuple[bytes, int, bytes]:
        """(transaction, code, answer) as the block and the header after it bind them."""
        block = await self._client.block(header.height)
        if block.header.hash() != header.hash:
            raise ProofRefused(f"block {header.height} is another than its validators signed")
        told = [await self._client.tx(tx_id(data)) for data in block.txs]
        results = [ExecTxResult(one.code, one.data) for one in told if one is not None]
        after = await self._header(header.height + 1)
        if last_results_hash(results) != after.header.last_results_hash:
            raise ProofRefused(f"the results of block {header.height} are not those of its chain")
        for data, result in zip(block.txs, results, strict=True):
            if tx_id(data) == identifier:
                return data, result.code, result.data
        raise ProofRefused(f"block {header.height} lacks transaction {identifier.hex()}")

    async def _device(self, address: bytes) -> Device:
        key = DEVICE + address
        answer = await self._client.abci_query("/store", key, prove=True)
        if answer.proof is None:
            raise ProofRefused(f"the node proves nothing of board {address.hex()}")
        after = await self._header(answer.height + 1)
        verify_proof(after.header.app_hash, key, answer.value or None, answer.proof)
        if not answer.value:
            raise ProofRefused(f"the registry has no board {address.hex()}")
        device = unpack(Device, answer.value)
        if identity.address(device.public_key) != address:
            raise ProofRefused(f"registry/device/{address.hex()} holds another key")
        return device
