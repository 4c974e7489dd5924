"""A stolen gateway key: what it can and cannot do, and how a new certificate ends it."""

from __future__ import annotations

import struct

from ledger import keys
from ledger.contracts import metering
from ledger.contracts.bodies import CertificateBody, RecordsBody, RevokeBody
from ledger.setup import certify, seal
from truewatt.demo.attack.base import ADMISSION, INBOX, LEDGER, fate_name
from truewatt.demo.attack.commands import OnARelay
from truewatt.demo.attack.ledger_names import result_name
from truewatt.demo.attack.verdict import TAKEN
from truewatt.demo.scenario import AREA
from truewatt.hostile import forgery, intruder
from wireformat import cbor, codes, cose, identity, modbus_map
from wireformat.chained import Reading
from wireformat.control import Ack, Beacon, Command

_YEAR_S = 365 * 86_400
_NEW_SERIAL = 2


class StolenGatewayKey(OnARelay):
    """The key that acks records, tells the time and carries records to the ledger."""

    name = "stolen-gateway-key"
    holds = "the gateway's key, the cable, and the ledger's port"
    does = "Forges readings, commands, acks, time and transactions with it, until it is replaced."
    stopped_by = "The key has one role: it signs no reading and no command; a new serial ends it."
    spoils = True

    def run(self) -> None:
        board = self.scene.random.choice(self.scene.meters)
        self._commands_and_time(board)
        self._readings(board)
        self._transactions(board)
        self._acks(board)
        stolen = self.scene.seeds["gateway"]
        self._replace()
        self._after(board, stolen)
        self.goes_on(board)
        self.untouched(board, b"stolen!!")
        self.result.consequences.append(
            f"gateway key replaced (serial {_NEW_SERIAL}), the stolen one revoked on the ledger"
        )

    @property
    def _key(self) -> bytes:
        return self.scene.seeds["gateway"]

    # ---- what it cannot do ---------------------------------------------------------------------

    def _commands_and_time(self, board: str) -> None:
        scene = self.scene
        order = intruder.order(scene, board, id=b"stolen!!")
        signed = seal(order, self._key, scene.chain_id)
        self.frame("a command", codes.R_WRONG_ROLE, board, Command.CODE, signed)
        beyond_ms = scene.clock.unix_ms() + 3000 * _YEAR_S
        late = Beacon(nonce=intruder.status(scene, board).nonce, time_ms=beyond_ms)
        signed = seal(late, self._key, scene.chain_id)
        expected = codes.R_CERT_EXPIRED
        self.frame("a time beyond its certificate", expected, board, Beacon.CODE, signed)

    def _readings(self, board: str) -> None:
        def signed(code: int, data: bytes) -> tuple[int, bytes]:
            record = forgery.opened(code, data, self.scene.chain_id)
            return code, seal(record, self._key, self.scene.chain_id)

        self.window("a reading, on the bus", "unknown_key", board, signed)

    def _transactions(self, board: str) -> None:
        scene = self.scene
        code, data = next(row for row in scene.held(board)[::-1] if row[0] == Reading.CODE)
        record = forgery.opened(code, data, scene.chain_id)
        assert isinstance(record, Reading)
        fields = {name: getattr(record, name) for _, name, _, _ in Reading.FIELDS}
        more = Reading(**{**fields, "seq": record.seq + 1000})
        kid = cose.split(data).kid
        rows = [
            [code, forgery.under_another_name(more, kid, scene.chain_id, self._key)],
            [code, seal(more, self._key, scene.chain_id)],
        ]
        result = scene.submit(scene.build("gateway", RecordsBody(records=rows)))
        verdicts = cbor.decode(result[2]) if not result[0] else []
        assert isinstance(verdicts, list)
        names = [metering.ADMISSION[verdict] for verdict in verdicts] or [
            result_name(result[0])
        ] * 2
        self.note(
            "a reading under the board's id, on the ledger", "bad signature", names[0], ADMISSION
        )
        self.note("a reading of its own, on the ledger", "unknown device", names[1], ADMISSION)
        revoke = RevokeBody(address=scene.device[board], why="attack")
        found = scene.submit(scene.build("gateway", revoke))
        self.note("to revoke a board", "NotAllowed", result_name(found[0]), LEDGER)

    # ---- what it can do ------------------------------------------------------------------------

    def _acks(self, board: str) -> None:
        """An ack for records that no gateway has stored: taken, but nothing is gone by it."""
        scene = self.scene
        address, tap = scene.bus_address(board), scene.tap_of(board)

        def hide(request: bytes) -> bytes | None:
            return None if request[:2] == bytes((address, intruder.READ_WRITE)) else request

        tap.on_request = hide
        scene.until(lambda: intruder.status(scene, board).unacked >= 3, "records without an ack")
        status = intruder.status(scene, board)
        record = self._shown(board, status.epoch, status.next_seq - 1)
        place = {"device": scene.device[board], "epoch": status.epoch, "seq": status.next_seq - 1}
        for what, ack, reason in (
            ("an ack with another hash", Ack(**place, head=bytes(32)), codes.R_HEAD_MISMATCH),
            (
                "an ack for what was never signed",
                Ack(**{**place, "seq": status.next_seq + 99}, head=bytes(32)),
                codes.R_NOT_IN_JOURNAL,
            ),
        ):
            signed = seal(ack, self._key, scene.chain_id)
            self.frame(what, reason, board, Ack.CODE, signed)
        true = Ack(**place, head=identity.record_hash(record))
        found = intruder.give(scene, board, true, self._key)
        # The honest part of the answer: a stolen key can do this.
        self.note("an ack for records that nobody stored", TAKEN, fate_name(found), INBOX)
        epoch, seq = scene.head(board)
        self.harm_if((epoch, seq) >= (status.epoch, status.next_seq - 1), "it was stored already")
        scene.honest()
        self.goes_on(board)
        self.result.kept.append(
            f"{board}: acked by the thief from seq {seq + 1} on, and collected all the same:"
            " a board drops acked records only when it needs the room"
        )

    def _shown(self, board: str, epoch: int, seq: int) -> bytes:
        """The record in the board's window, read by the thief."""
        pdu = struct.pack(
            ">BHHHHBII",
            intruder.READ_WRITE,
            modbus_map.WINDOW,
            modbus_map.WINDOW_WORDS,
            modbus_map.CURSOR,
            4,
            8,
            epoch,
            seq,
        )
        reply = intruder.ask(self.scene, board, pdu)
        size = struct.unpack(">H", reply[2:4])[0]
        return reply[6 : 6 + size]

    # ---- its end -------------------------------------------------------------------------------

    def _replace(self) -> None:
        """What an operator does: a new key, a certificate with a higher serial, a revocation."""
        scene, folder = self.scene, self.scene.site.run_dir
        old = identity.address(keys.public_key(self._key))
        path = folder / "keys" / "gateway.key"
        path.rename(path.with_suffix(".stolen"))
        scene.seeds["gateway"] = keys.create_seed(path)
        certificate = certify(
            scene.seeds["operator"],
            scene.chain_id,
            role=codes.ACK,
            area=AREA,
            public_key=keys.public_key(scene.seeds["gateway"]),
            serial=_NEW_SERIAL,
            expires_s=scene.clock.unix_ms() // 1000 + _YEAR_S,
        )
        (folder / "gateway" / "ack.cert").write_text(certificate.hex() + "\n")
        added = scene.submit(scene.build("operator", CertificateBody(certificate=certificate)))
        self.harm_if(added[0] != 0, f"the new certificate was refused: {added[1]}")
        scene.restart("gateway")
        revoked = scene.submit(scene.build("operator", RevokeBody(address=old, why="key stolen")))
        self.harm_if(revoked[0] != 0, f"the revocation was refused: {revoked[1]}")

    def _after(self, board: str, stolen: bytes) -> None:
        scene = self.scene
        scene.until(
            lambda: all(
                intruder.status(scene, name).ack_serial == _NEW_SERIAL for name in scene.meters
            ),
            "every board to have the new certificate",
        )
        place = intruder.status(scene, board)
        ack = Ack(
            device=scene.device[board], epoch=place.epoch, seq=place.next_seq - 1, head=bytes(32)
        )
        signed = seal(ack, stolen, scene.chain_id)
        self.frame("an ack, after it", codes.R_UNKNOWN_KEY, board, Ack.CODE, signed)
        scene.seeds["stolen"] = stolen
        rows = [[code, data] for code, data in scene.held(board)[-1:]]
        found = scene.submit(scene.build("stolen", RecordsBody(records=rows)))
        self.note("a transaction, after it", "UnknownSigner", result_name(found[0]), LEDGER)
