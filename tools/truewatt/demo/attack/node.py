"""Attacks by a ledger node, or by whoever stands between it and the gateway."""

from __future__ import annotations

from ledger.contracts.bodies import RevokeBody
from ledger.setup import seal
from truewatt.demo import site
from truewatt.demo.attack.base import LEDGER, ON_THE_NETWORK, Attack
from truewatt.demo.attack.commands import OnARelay, genuine
from truewatt.demo.attack.ledger_names import result_name
from truewatt.hostile import intruder
from truewatt.hostile.forgery import STRANGER, flipped
from truewatt.hostile.lying_node import (
    HEADER_LIES,
    Lie,
    absence_lie,
    end_of_chain,
    listed_commands,
    proof_lie,
    value_lie,
)
from wireformat import cbor


class ForgedNode(OnARelay):
    """Answers that do not verify."""

    name = "forged-node"
    holds = ON_THE_NETWORK
    does = (
        "Answers with another header, vote, value or proof, denies what is there, invents commands."
    )
    stopped_by = (
        "A light client from the genesis: votes, hash chain, a Merkle proof for each value."
    )

    def run(self) -> None:
        scene = self.scene
        board = scene.random.choice(scene.meters)
        name = b"invented"
        order = intruder.order(scene, board, id=name)
        rows = cbor.encode([seal(order, scene.seeds["gateway"], scene.chain_id)])
        lies: dict[str, Lie] = {
            "another app hash": HEADER_LIES["app_hash"],
            "a vote that nobody signed": HEADER_LIES["signature"],
            "another value": value_lie,
            "a denial": absence_lie,
            "no proof": proof_lie,
            "invented commands": listed_commands(rows),
        }
        for what, lie in lies.items():
            self.notice(what, "ledger_lied", lambda lie=lie: self._tell(lie))  # type: ignore[misc]
            scene.honest()
            self.quiet("ledger_lied")
        height = scene.status()["light"]["height"]
        scene.until(lambda: scene.status()["light"]["height"] > height, "the true chain to go on")
        self.goes_on(board)
        self.untouched(board, name)
        self.result.kept.append(f"{board}: read and acked meanwhile; no relay moved by a lie")

    def _tell(self, lie: Lie) -> None:
        self.scene.liar.lie = lie


class WithheldCommands(Attack):
    """A node that is silent about what was decided."""

    name = "withheld-commands"
    holds = ON_THE_NETWORK
    does = "Shows an old end of the chain and no open commands, so that nobody switches anything."
    stopped_by = (
        "An honest chain has a block a minute; boards fall back to their safe state by themselves."
    )

    def run(self) -> None:
        scene = self.scene
        board, _ = genuine(scene)
        height = int(scene.status()["light"]["height"])
        lie = end_of_chain(height)
        self.notice("the chain's end of before", "chain_stalled", lambda: self._tell(lie))
        self.goes_on(board)
        scene.honest()
        self.quiet("chain_stalled")
        self.result.kept.append(f"{board}: readings were collected meanwhile, commands came after")
        self.result.consequences.append(
            "orders of that time came late or expired, each on the ledger"
        )

    def _tell(self, lie: Lie) -> None:
        self.scene.liar.lie = lie


class ForgedTransactions(Attack):
    """Transactions that nobody may send."""

    name = "forged-transactions"
    holds = "the ledger's port, and the installer's key"
    does = "Sends transactions of strangers, under the operator's name, again, and beyond a role."
    stopped_by = "Signer, signature, nonce and role are checked before any contract acts."

    def run(self) -> None:
        scene = self.scene
        board = scene.random.choice(scene.meters)
        body = RevokeBody(address=scene.device[board], why="attack")
        genuine_tx = site.orders(scene.site)[0]
        by_installer = scene.build("installer", body)
        scene.seeds["stranger"] = STRANGER
        tampered = flipped(scene.build("operator", body), -9 * 8)
        for what, tx, expected in (
            ("of a stranger", scene.build("stranger", body), "UnknownSigner"),
            ("the operator's, a bit changed", tampered, "WrongSignature"),
            ("the operator's, again", genuine_tx, "UsedNonce"),
            ("a revocation by the installer", by_installer, "NotAllowed"),
        ):
            code, _, _ = scene.submit(tx)
            self.note(what, expected, result_name(code), LEDGER)
        self.goes_on(board)
        self.result.kept.append(f"{board}: still enrolled, its records still admitted")
