"""CBOR bombs at every entrance: a board's window, its inbox, the ledger's door, RPC answers."""

from __future__ import annotations

import base64
from typing import Any

from truewatt.demo.attack.base import LEDGER, Attack
from truewatt.demo.attack.ledger_names import result_name
from truewatt.hostile import forgery, intruder
from truewatt.hostile.forgery import Bomb
from wireformat import codes
from wireformat.control import Command

_LARGE_BYTES = 30_000
_MOST_GROWTH_KIB = 30_000
"""What a process may have grown by: a bomb that worked would take gigabytes."""


class CborBombs(Attack):
    """Bytes that claim what they do not hold."""

    name = "cbor-bombs"
    holds = "every entrance: a bus, a board's inbox, the ledger's port, the network behind it"
    does = "Sends counts that nothing backs, nesting without end, strings of 4 GiB."
    stopped_by = "Lengths are capped before parsing, depth at 8; nothing is allocated for a claim."

    def run(self) -> None:
        scene = self.scene
        board = scene.random.choice(scene.meters)
        before = {part: scene.rss_kib(part) for part in ("gateway", "ledger")}
        epoch = intruder.status(scene, board).epoch
        small = forgery.bombs()
        for bomb in scene.random.sample(small, 2):
            self._shown(board, bomb)
        for bomb in small:
            what = f"inbox: {bomb.name}"
            self.frame(what, codes.R_MALFORMED, board, Command.CODE, bomb.data)
        for bomb in forgery.bombs(_LARGE_BYTES):
            code, _, _ = scene.submit(bomb.data)
            self.note(f"transaction: {bomb.name}", "NotATransaction", result_name(code), LEDGER)
        self._answers(small[3])
        self.goes_on(board)
        self.harm_if(intruder.status(scene, board).epoch != epoch, f"{board} restarted")
        self.harm_if("MemoryError" in scene.console(board), f"{board} ran out of memory")
        for part, kib in before.items():
            grown = scene.rss_kib(part) - kib
            self.harm_if(grown > _MOST_GROWTH_KIB, f"{part} grew by {grown} KiB")
        self.result.kept.append(f"{board} in the same epoch, records go on, memory flat")

    def _shown(self, board: str, bomb: Bomb) -> None:
        self.window(f"window: {bomb.name}", "bad_cbor", board, lambda code, data: (code, bomb.data))

    def _answers(self, bomb: Bomb) -> None:
        """The node answers with a bomb in CBOR, then with one in JSON."""
        scene = self.scene

        def in_cbor(method: str, params: dict[str, Any], result: dict[str, Any]) -> None:
            if method == "abci_query" and params["path"] == "/commands":
                result["response"]["value"] = base64.b64encode(bomb.data).decode()

        def tell(lie: Any) -> None:
            scene.liar.lie = lie

        def nest() -> None:
            scene.liar.body = lambda method, body: b'{"result":' + b"[" * 200_000

        self.notice("RPC answer: nested CBOR", "ledger_lied", lambda: tell(in_cbor))
        scene.honest()
        self.quiet("ledger_lied")
        self.notice("RPC answer: nested JSON", "ledger_unreachable", nest)
        scene.honest()
        self.quiet("ledger_unreachable")
