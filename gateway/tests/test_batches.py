"""Batches: what a root stands for, that the ledger follows, and that any record can be proven."""

import asyncio
import contextlib
import json
from dataclasses import replace

import pytest

from gateway.batches import groups, is_quiet
from gateway.keep.errors import NoProof
from gateway.keep.prove import prove
from gateway.store import Batch, QueuedRecord, Refusal, Store
from gateway.tests.plant import Plant
from gateway.tests.signing import CHAIN, SigningBoard, seal
from ledger import cli, merkle
from ledger.contracts import metering
from ledger.contracts.bodies import MAX_BATCHED
from ledger.contracts.objects import Evidence, LastRecord, unpack
from ledger.record_proof import FORMAT, ProofRefused, RecordProof, check
from ledger.rpc.client import RpcClient
from wireformat import cbor, codes
from wireformat.registry import open_signed


def queued(board, first_id=1):
    for row, (code, data) in enumerate(board.journal, first_id):
        record = open_signed(code, data, CHAIN).record
        yield QueuedRecord(row, board.address, record.epoch, record.seq, code, data)


def shape(found):
    return [([r.seq for r in group.quiet], group.closing.seq) for group in found]


def test_readings_wait_for_the_boundary_that_closes_them():
    board = SigningBoard()
    board.add(board.event(codes.EV_BOOT, (0,)))
    for at in range(1, 8):
        board.add(board.reading(flags=codes.BOUNDARY if at == 4 else codes.RELAY_1_CLOSED))
    assert shape(groups(queued(board))) == [([], 0), ([1, 2, 3], 4)]
    board.add(board.event(codes.EV_TAMPER))
    assert shape(groups(queued(board))) == [([], 0), ([1, 2, 3], 4), ([5, 6, 7], 8)]


def test_what_says_that_something_is_wrong_goes_whole():
    board = SigningBoard()
    board.add()
    board.add(board.reading(flags=codes.TAMPER))
    board.add(board.outcome(bytes(8), 1))
    section = SigningBoard(2, codes.MLMD, 1)
    section.add()
    section.add()
    rows = [*queued(board), *queued(section, 9)]
    assert [is_quiet(row) for row in rows] == [False] * 5
    assert shape(groups(rows)) == [([], 0), ([], 1), ([], 2), ([], 0), ([], 1)]


def test_nothing_stands_for_records_before_a_hole_and_batches_are_bounded():
    board = SigningBoard()
    for _ in range(6):
        board.add()
    rows = [row for row in queued(board) if row.seq != 3]
    assert shape(groups(rows)) == [([], 0), ([], 1), ([], 2), ([], 4)]
    for _ in range(MAX_BATCHED):
        board.add()
    (_, first), *rest = shape(groups(queued(board)))
    assert first == 0
    assert rest == [(list(range(1, MAX_BATCHED + 1)), MAX_BATCHED + 1)]


def test_the_tail_of_an_epoch_is_closed_by_the_next_boot():
    board = SigningBoard()
    for _ in range(4):
        board.add()
    board.boot()
    board.add(board.event(codes.EV_BOOT, (0,)))
    assert shape(groups(queued(board))) == [([], 0), ([1, 2, 3], 0)]


# ---- against a real ledger ---------------------------------------------------------------------


def run(tmp_path, scenario):
    async def main():
        async with Plant(tmp_path, 1, submit="boundaries") as plant:
            await scenario(plant, plant.meters[0])

    asyncio.run(main())


async def on_ledger(plant, meter):
    value = await plant.state(metering.LAST + meter.address)
    return (lambda last: (last.epoch, last.seq))(unpack(LastRecord, value)) if value else None


async def reaches(plant, meter, seq, epoch=1):
    async def there():
        return await on_ledger(plant, meter) == (epoch, seq)

    await plant.until(there)


def all_gone(plant):
    with contextlib.closing(plant.store()) as store:
        return not len(store.outbox)


def fill(meter, count, boundary_every=5):
    for _ in range(count):
        at = meter.next_seq
        is_end = at % boundary_every == boundary_every - 1
        meter.add(meter.reading(flags=codes.BOUNDARY if is_end else 0))


async def fetched(plant, proof):
    async with RpcClient(plant.url) as client:
        return await client.tx(proof.tx)


def test_every_record_can_be_proven_against_the_chain_alone(tmp_path, capsys, monkeypatch):
    async def scenario(plant, meter):
        await plant.enrol()
        fill(meter, 12)
        plant.start_gateway()
        await reaches(plant, meter, 9)
        fill(meter, 3)
        await reaches(plant, meter, 14)
        await plant.until(lambda: all_gone(plant))
        store = plant.store()
        proofs = [prove(store, meter.address, 1, seq) for seq in range(15)]
        assert [seq for seq in range(15) if proofs[seq].path is None] == [0, 4, 9, 14]
        assert len({proof.tx for proof in proofs}) <= 4
        with pytest.raises(NoProof):
            prove(store, meter.address, 1, 15)
        store.close()
        monkeypatch.setenv("TRUEWATT_CLOCK", plant.clock.to_env())
        for seq in (0, 3, 9, 12):
            await shown(plant, proofs[seq], seq)
        await forged(plant, meter, proofs)
        assert plant.stop_gateway() == 0

    async def shown(plant, proof, seq):
        file = tmp_path / "proof.json"
        file.write_text(json.dumps(proof.to_json()))
        genesis = tmp_path / "ledger" / "genesis.json"
        words = ["verify-record", str(file), "--genesis", str(genesis), "--rpc", plant.url]
        assert await asyncio.to_thread(cli.main, words) == 0
        said = json.loads(capsys.readouterr().out)
        assert (said["epoch"], said["seq"]) == (1, seq)
        assert said["on_chain"] == ("whole" if proof.path is None else "by its batch's root")
        assert said["board_in_good_standing"]
        file.write_text(json.dumps({**proof.to_json(), "tx": "00" * 32}))
        assert await asyncio.to_thread(cli.main, words) == 1
        assert "ProofRefused: no block holds" in capsys.readouterr().err

    async def forged(plant, meter, proofs):
        proof = proofs[12]
        found = await fetched(plant, proof)
        other = await fetched(plant, proofs[3])
        held = check(proof, found.tx, found.code, found.data, CHAIN)
        held.check_signature(meter.public_key)
        stranger = SigningBoard(9)
        for _ in range(13):
            stranger.add()
        path = proof.path
        lies = {
            "another record": replace(proof, record=meter.journal[11][1]),
            "another path": replace(proof, path=replace(path, aunts=path.aunts[::-1])),
            "another index": replace(proof, path=replace(path, index=path.index ^ 1)),
            "another count": replace(proof, path=replace(path, total=path.total + 1)),
            "a stranger's record": replace(proof, record=stranger.journal[12][1]),
            "a stranger": replace(proof, device=stranger.address),
            "as if whole": replace(proof, path=None),
            "another type": replace(proof, code=4),
        }
        for lie in lies.values():
            with pytest.raises(ProofRefused):
                check(lie, found.tx, found.code, found.data, CHAIN)
        for tx, code, answer in (
            (other.tx, other.code, other.data),
            (found.tx, 7, found.data),
            (found.tx, 0, b""),
            (found.tx, 0, cbor.encode([metering.OUT_OF_ORDER] * len(cbor.decode(found.data)))),
            (found.tx, 0, cbor.encode([metering.DUPLICATE] * len(cbor.decode(found.data)))),
        ):
            with pytest.raises(ProofRefused):
                check(proof, tx, code, answer, CHAIN)
        with pytest.raises(ProofRefused):
            held.check_signature(stranger.public_key)

    run(tmp_path, scenario)


def test_a_killed_gateway_and_a_reboot_change_nothing(tmp_path):
    async def scenario(plant, meter):
        await plant.enrol()
        fill(meter, 7)
        plant.start_gateway()
        await reaches(plant, meter, 4)
        plant.kill_gateway()
        fill(meter, 4)
        plant.start_gateway()
        await reaches(plant, meter, 9)
        meter.boot()
        meter.add(meter.event(codes.EV_BOOT, (0,)))
        await reaches(plant, meter, 0, epoch=2)
        await plant.until(lambda: all_gone(plant))
        store = plant.store()
        assert prove(store, meter.address, 1, 10).path.total == 1
        store.close()

    run(tmp_path, scenario)


def test_gaps_in_a_journal_pass_on_to_the_ledger(tmp_path):
    async def scenario(plant, meter):
        await plant.enrol()
        fill(meter, 5)
        plant.start_gateway()
        await reaches(plant, meter, 4)
        fill(meter, 10)
        del meter.journal[7:11]
        meter.add(meter.event(codes.EV_JOURNAL_GAP, (1, 7, 1, 10)))
        fill(meter, 4)
        await reaches(plant, meter, 19)
        assert "records_refused" not in plant.status()["notice_counts"]

    run(tmp_path, scenario)


async def frozen(plant, meter):
    await plant.until(lambda: plant.state(metering.EVIDENCE + meter.address))
    return unpack(Evidence, await plant.state(metering.EVIDENCE + meter.address))


def test_a_record_that_breaks_the_chain_freezes_the_board_although_a_batch_is_open(tmp_path):
    async def scenario(plant, meter):
        await plant.enrol()
        fill(meter, 8)
        plant.start_gateway()
        await plant.until(lambda: meter.acked == (1, 7))
        meter.add(meter.reading(prev=bytes(range(16))))
        found = await frozen(plant, meter)
        assert (found.reason, found.second) == (metering.BROKEN_PREV, meter.journal[-1][1])

    run(tmp_path, scenario)


def test_another_record_for_a_place_that_a_root_stands_for_freezes_the_board(tmp_path):
    async def scenario(plant, meter):
        await plant.enrol()
        fill(meter, 5)
        plant.start_gateway()
        await reaches(plant, meter, 4)
        await plant.until(lambda: all_gone(plant))
        assert plant.stop_gateway() == 0
        data = seal(meter.seed, meter.reading(seq=2, add_wh=99))
        refusal = Refusal("equivocation", meter.address, 1, data, "two records", 0)
        with contextlib.closing(Store.open(tmp_path / "data" / "gateway.db")) as store:
            store.commit(Batch(meter.address, refusals=[refusal]))
        plant.start_gateway()
        found = await frozen(plant, meter)
        assert (found.reason, found.second) == (metering.EQUIVOCATION, data)

    run(tmp_path, scenario)


GOOD = {"format": FORMAT, "device": "00" * 20, "code": 1, "record": "00", "tx": "00" * 32}


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"format": FORMAT},
        {**GOOD, "format": "x"},
        {**GOOD, "code": "1"},
        {**GOOD, "record": "zz"},
        {**GOOD, "record": "00" * 999},
        {**GOOD, "tx": "00"},
        {**GOOD, "device": "00"},
        {**GOOD, "path": {"total": 1, "index": 1, "aunts": []}},
        {**GOOD, "path": {"total": 4, "index": 1, "aunts": ["00"] * 200}},
        {**GOOD, "path": {"total": 4, "index": 1, "aunts": ["00"] * 2}},
        {**GOOD, "path": 7},
    ],
)
def test_what_is_no_proof_is_refused_by_name(document):
    with pytest.raises(ProofRefused):
        RecordProof.from_json(document)


def test_a_proof_survives_its_file():
    record = bytes(40)
    path = merkle.prove([record, b"x", b"y"])[1][0]
    proof = RecordProof(bytes(20), 1, record, bytes(32), path)
    assert RecordProof.from_json(json.loads(json.dumps(proof.to_json()))) == proof
