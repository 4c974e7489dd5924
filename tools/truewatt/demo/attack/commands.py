"""Attacks on commands: what moves a relay without the authority having decided it."""

from __future__ import annotations

import struct

from gateway.tickets import ticketed
from ledger import keys
from ledger.setup import certify, seal
from truewatt.demo.attack.base import INBOX, MODBUS, ON_THE_BUS, Attack, fate_name
from truewatt.demo.attack.scene import Scene
from truewatt.demo.scenario import AREA
from truewatt.hostile import forgery, intruder
from truewatt.hostile.forgery import STRANGER
from wireformat import codes, identity, modbus_map
from wireformat.chained import Outcome
from wireformat.control import Certificate, Command

_COMMAND_S = 120.0
"""Patience for a contract to decide something; at x60 a renewal comes every few seconds."""

_YEAR_S = 365 * 86_400


def genuine(scene: Scene) -> tuple[str, bytes]:
    """(board, bytes) of the newest command of the authority that a tap saw on its way."""

    def look() -> tuple[str, bytes] | None:
        for board in scene.random.sample(scene.meters, len(scene.meters)):
            if found := intruder.caught(scene, board, Command.CODE):
                return board, found[-1]
        return None

    return scene.until(look, "a command of the authority", _COMMAND_S)


def opened(scene: Scene, data: bytes) -> Command:
    """A command's fields."""
    record = forgery.opened(Command.CODE, data, scene.chain_id)
    assert isinstance(record, Command)
    return record


def hold_commands(scene: Scene, board: str, held: list[bytes]) -> None:
    """Keep back what the authority orders a board, until the scene is honest again."""
    address = scene.bus_address(board)

    def hold(request: bytes) -> bytes | None:
        if intruder.is_inbox_write(request, address):
            code, data = intruder.carried(request)
            if code == Command.CODE:
                held.append(data)
                return None
        return request

    scene.tap_of(board).on_request = hold


class OnARelay(Attack):
    """Base: whatever is sent, contacts and command counter of the board stay as they are."""

    def untouched(self, board: str, invented: bytes) -> None:
        """Note as harm a relay that obeyed: an outcome for a command that nobody decided."""
        outcomes = [
            forgery.opened(code, data, self.scene.chain_id)
            for code, data in self.scene.held(board)
            if code == Outcome.CODE
        ]
        obeyed = any(isinstance(o, Outcome) and o.command_id == invented for o in outcomes)
        self.harm_if(obeyed, f"{board} carried out a command that no contract decided")


class ForgedCommand(OnARelay):
    """Commands that the authority never signed."""

    name = "forged-command"
    holds = ON_THE_BUS + ", and a key of one's own"
    does = (
        "Orders a relay with another key, under the authority's key id, for another chain, and with"
        " the owner's key."
    )
    stopped_by = "Only the key in the operator's control certificate commands a board."

    def run(self) -> None:
        scene = self.scene
        board = scene.random.choice(scene.meters)
        name = b"forged!!"
        order = intruder.order(scene, board, id=name)
        control = identity.kid(keys.public_key(scene.seeds["control"]))
        code, chain = Command.CODE, scene.chain_id
        own = seal(order, STRANGER, chain)
        self.frame("signed with another key", codes.R_UNKNOWN_KEY, board, code, own)
        stolen_name = forgery.under_another_name(order, control, chain)
        self.frame("under the authority's id", codes.R_BAD_SIGNATURE, board, code, stolen_name)
        elsewhere = seal(order, scene.seeds["control"], "another-chain")
        self.frame("for another chain", codes.R_BAD_SIGNATURE, board, code, elsewhere)
        owners = seal(order, scene.seeds["prosumer"], chain)
        self.frame("with the owner's key", codes.R_UNKNOWN_KEY, board, code, owners)
        self.frame("half a command", codes.R_MALFORMED, board, code, stolen_name[:-9])
        self.goes_on(board)
        self.untouched(board, name)
        self.result.kept.append(f"{board}: no outcome for any of them")


class ReplayedCommand(OnARelay):
    """A real command, said again."""

    name = "replayed-command"
    holds = ON_THE_BUS + ", and a recording of it"
    does = (
        "Sends a command of the authority that the board has carried out a second time, and takes"
        " the ticket it came with for that and for a forged one."
    )
    stopped_by = "The board's counter, persisted before the relay moves; a ticket is good once."

    def run(self) -> None:
        scene = self.scene
        board, data = genuine(scene)
        counter = opened(scene, data).counter
        scene.until(
            lambda: intruder.status(scene, board).counter >= counter, f"{board} to have obeyed"
        )
        self.frame("a command said again", codes.R_REPLAYED, board, Command.CODE, data)
        ticket = intruder.tickets(scene, board)[-1]
        again = ticketed(ticket, Command.CODE, data)
        self.frame("with the ticket it came with", codes.R_REPLAYED, board, *again)
        order = intruder.order(scene, board, id=b"ticketed")
        control = identity.kid(keys.public_key(scene.seeds["control"]))
        forged = forgery.under_another_name(order, control, scene.chain_id)
        behind = ticketed(ticket, Command.CODE, forged)
        self.frame("a forged one with that ticket", codes.R_BAD_SIGNATURE, board, *behind)
        self.untouched(board, b"ticketed")
        self.goes_on(board)
        self.result.kept.append(f"{board}: one outcome for the command, not two")


class RedirectedCommand(OnARelay):
    """A real command, to another board."""

    name = "redirected-command"
    holds = ON_THE_BUS + ", and a recording of it"
    does = "Hands a command for one board to its neighbour."
    stopped_by = "The command names its board inside the signature."

    def run(self) -> None:
        board, data = genuine(self.scene)
        other = self.scene.neighbour(board)
        self.frame("a neighbour's command", codes.R_WRONG_TARGET, other, Command.CODE, data)
        self.untouched(other, opened(self.scene, data).id)
        self.goes_on(other)
        self.result.kept.append(f"{other}: no outcome for {board}'s command")


class ExpiredCommand(OnARelay):
    """A real command, held back until it is too late."""

    name = "expired-command"
    holds = ON_THE_BUS
    does = "Holds a command back and lets it through when it has expired."
    stopped_by = (
        "Commands carry their end; the board journals an outcome 'expired', the contract decides"
        " anew."
    )

    def run(self) -> None:
        scene = self.scene
        board, _ = genuine(scene)
        held: list[bytes] = []
        hold_commands(scene, board, held)
        scene.until(lambda: held, f"a command for {board}", _COMMAND_S)
        command = opened(scene, held[0])
        over_ms = 1000 * command.expires_s + 5000
        scene.until(lambda: scene.clock.unix_ms() > over_ms, "its expiry", _COMMAND_S)
        # Only now: a board that hears too little may have gone to its safe state meanwhile.
        before = scene.contacts(board)
        self.frame("held back for too long", codes.R_EXPIRED, board, Command.CODE, held[0])
        self.harm_if(scene.contacts(board) != before, f"{board} moved a relay by it")
        scene.honest()
        scene.until(lambda: self._ended(board, command.id), "the outcome of the expired command")
        self.goes_on(board)
        self.result.kept.append(f"{board}: a signed outcome says that it expired")

    def _ended(self, board: str, id: bytes) -> bool:
        records = [
            forgery.opened(code, data, self.scene.chain_id)
            for code, data in self.scene.held(board)
            if code == Outcome.CODE
        ]
        return any(
            isinstance(one, Outcome) and one.command_id == id and one.status == codes.EXPIRED
            for one in records
        )


class OldCertificate(OnARelay):
    """A control key of before, with its genuine certificate."""

    name = "old-certificate"
    holds = ON_THE_BUS + ", and a control key that was replaced, or its expired certificate"
    does = (
        "Brings the board back to a control key of before, to one whose time is over, or to one"
        " that certifies itself."
    )
    stopped_by = "Serials per role, persisted; ends; and the operator root pinned at provisioning."

    def run(self) -> None:
        scene = self.scene
        board = scene.random.choice(scene.meters)
        name, now_s = b"old key!", scene.clock.unix_ms() // 1000
        code = Certificate.CODE
        superseded = self._certificate("operator", serial=1, expires_s=now_s + _YEAR_S)
        self.frame("a replaced key's certificate", codes.R_CERT_SUPERSEDED, board, code, superseded)
        over = self._certificate("operator", serial=9, expires_s=now_s - 86_400)
        self.frame("an expired certificate", codes.R_CERT_EXPIRED, board, code, over)
        own = self._certificate("installer", serial=9, expires_s=now_s + _YEAR_S)
        self.frame("certified by itself", codes.R_UNKNOWN_KEY, board, code, own)
        found = intruder.give(scene, board, intruder.order(scene, board, id=name), STRANGER)
        expected = codes.REASONS[codes.R_UNKNOWN_KEY]
        self.note("a command under that key", expected, fate_name(found), INBOX)
        self.goes_on(board)
        self.untouched(board, name)
        self.result.kept.append(f"{board}: control certificate as before")

    def _certificate(self, by: str, serial: int, expires_s: int) -> bytes:
        return certify(
            self.scene.seeds[by],
            self.scene.chain_id,
            role=codes.CONTROL,
            area=AREA,
            public_key=keys.public_key(STRANGER),
            serial=serial,
            expires_s=expires_s,
        )


class PlainWrites(Attack):
    """What any Modbus tool can write."""

    name = "plain-writes"
    holds = ON_THE_BUS + ", and any Modbus tool"
    does = "Writes coils and registers of a meter and of an M-LMD's breaker without a signature."
    stopped_by = "Boards have no writable coil: functions 05, 06 and 15 do not exist there."

    def run(self) -> None:
        scene = self.scene
        meter = scene.random.choice(scene.meters)
        mlmd = scene.site.scenario.section_of(meter).mlmd
        for board in (meter, mlmd):
            # A true order in between would look like a relay that obeyed.
            hold_commands(scene, board, [])
            before = scene.contacts(board)
            for what, pdu in (
                ("coil off", "0500000000"),
                ("coil on", "050000ff00"),
                ("coils", "0f0000000201ff"),
                ("register", "0600000001"),
            ):
                self._write(f"{what} of {board}", board, bytes.fromhex(pdu), 1)
            status = struct.pack(">BHHB", 16, modbus_map.STATUS, 1, 2) + b"\0\1"
            self._write(f"status block of {board}", board, status, 2)
            self.harm_if(scene.contacts(board) != before, f"{board} moved a relay")
            scene.honest()
            self.goes_on(board)
        self.result.kept.append(f"{meter}, {mlmd}: contacts as before, records go on")

    def _write(self, what: str, board: str, pdu: bytes, exception: int) -> None:
        reply = intruder.ask(self.scene, board, pdu)
        refused = reply[0] == pdu[0] | 0x80
        self.note(
            what,
            f"exception {exception}",
            f"exception {reply[1]}" if refused else "accepted",
            MODBUS,
        )
