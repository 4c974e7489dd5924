"""Attacks on readings, by somebody with the cable in hand."""

from __future__ import annotations

from ledger.setup import seal
from truewatt.demo.attack.base import GATEWAY, ON_THE_BUS, Attack
from truewatt.demo.attack.verdict import only_name
from truewatt.hostile import forgery
from truewatt.hostile.forgery import STRANGER
from wireformat import cose
from wireformat.chained import Chained

_KID_AT = 8
"""Bytes before the key id in an envelope: tag, array, string head, map head."""


class Tampered(Attack):
    """One bit at each place that matters, with the frame's CRC made good again."""

    name = "tampered-reading"
    holds = ON_THE_BUS
    does = "Flips a bit in the signature, in the payload, in the key id, and cuts a record in half."
    stopped_by = (
        "The board's signature over every byte; the gateway asks again for the true record."
    )

    def run(self) -> None:
        board = self.scene.random.choice(self.scene.meters)
        bit = self.scene.random.randrange(8)
        self.window(
            "a bit of the signature",
            "bad_signature",
            board,
            lambda code, data: (code, forgery.flipped(data, 8 * (len(data) - 9) + bit)),
        )
        self.window(
            "a bit of the previous-hash",
            "bad_signature",
            board,
            lambda code, data: (code, self._in_payload(code, data, bit)),
        )
        self.window(
            "a bit of the key id",
            "unknown_key",
            board,
            lambda code, data: (code, forgery.flipped(data, 8 * _KID_AT + bit)),
        )
        self.window(
            "half a record", "bad_cbor", board, lambda code, data: (code, data[: len(data) // 2])
        )
        self.result.kept.append(f"{board}: each record admitted later, bit for bit as signed")

    def _in_payload(self, code: int, data: bytes, bit: int) -> bytes:
        record = forgery.opened(code, data, self.scene.chain_id)
        assert isinstance(record, Chained)
        return forgery.flipped(data, 8 * data.index(record.prev) + bit)


class Replayed(Attack):
    """A true record of before in the place of the next one."""

    name = "replayed-reading"
    holds = ON_THE_BUS
    does = "Shows an old, truly signed record wherever the gateway asks for the next one."
    stopped_by = "(board, epoch, sequence) is unique; what is behind the head is no progress."

    def run(self) -> None:
        board = self.scene.random.choice(self.scene.meters)
        held = self.scene.held(board)
        old = held[len(held) // 2]
        self.window("an old record as the next", "replayed", board, lambda code, data: old)
        count = self.scene.held(board).count(old)
        self.harm_if(count != 1, f"{board}: a replayed record is {count} times in the store")
        self.result.kept.append(f"{board}: the old record is in the store once")


class Reordered(Attack):
    """The record after the next, as if the next did not exist."""

    name = "reordered-readings"
    holds = ON_THE_BUS
    does = "Answers each question for a record with the one behind it, to drop records in between."
    stopped_by = "The chain: a record that does not follow the last one waits until the gap closes."

    def run(self) -> None:
        scene = self.scene
        board = scene.random.choice(scene.meters)
        address, before = scene.bus_address(board), scene.refusals()

        def skip_one(request: bytes) -> bytes:
            if request[0] == address and request[1] == 23:
                seq = int.from_bytes(request[-4:], "big") + 1
                return request[:-4] + seq.to_bytes(4, "big")
            return request

        scene.tap_of(board).on_request = skip_one
        scene.until(lambda: scene.refusals().get("gap", 0) > before.get("gap", 0), "gap")
        scene.honest()
        grown = [n for n, count in scene.refusals().items() if count > before.get(n, 0)]
        self.note("every second record left out", "gap", only_name(grown), GATEWAY)
        self.goes_on(board, 3)
        self.result.kept.append(f"{board}: the records left out are in the store, in their places")


class Forged(Attack):
    """Records that the board never signed."""

    name = "forged-reading"
    holds = ON_THE_BUS + ", and a key of one's own"
    does = (
        "Signs the board's fields with another key, also under the board's key id; shows another"
        " board's records, and ones of another chain."
    )
    stopped_by = "Keys are enrolled on the ledger; the signature names key, type and chain."

    def run(self) -> None:
        scene = self.scene
        board = scene.random.choice(scene.meters)
        neighbour = scene.neighbour(board)
        chain_id = scene.chain_id

        def by_a_stranger(code: int, data: bytes) -> tuple[int, bytes]:
            record = forgery.opened(code, data, chain_id)
            return code, seal(record, STRANGER, chain_id)

        def under_the_boards_name(code: int, data: bytes) -> tuple[int, bytes]:
            record = forgery.opened(code, data, chain_id)
            return code, forgery.under_another_name(record, cose.split(data).kid, chain_id)

        def for_another_chain(code: int, data: bytes) -> tuple[int, bytes]:
            record, kid = forgery.opened(code, data, chain_id), cose.split(data).kid
            return code, forgery.under_another_name(record, kid, "another-chain")

        self.window("signed with another key", "unknown_key", board, by_a_stranger)
        self.window("under the board's key id", "bad_signature", board, under_the_boards_name)
        self.window("for another chain", "bad_signature", board, for_another_chain)
        record = scene.held(neighbour)[-1]
        self.window("another board's record", "wrong_board", board, lambda code, data: record)
        self.result.kept.append(f"{board}: its own records admitted, none of the forged ones")
