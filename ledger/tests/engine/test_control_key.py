"""A control key whose certificate has run out signs nothing; a renewed one does again."""

from __future__ import annotations

from ledger import setup
from ledger.contracts import control
from ledger.engine.verify import verify
from ledger.tests.contracts.kit import (
    FAR_S,
    START_MS,
    World,
    certificate_of,
    kinds,
    of_kind,
)
from ledger.tests.contracts.kit import Board as KitBoard
from ledger.tests.engine.chain_kit import filled, new_home
from wireformat import codes

START_S = START_MS // 1000


def renewed(serial: int, expires_s: int) -> setup.CertificateBody:
    signed = certificate_of("control", codes.CONTROL, serial, expires_s=expires_s)
    return setup.CertificateBody(certificate=signed)


def test_without_a_control_certificate_in_force_nothing_is_ordered():
    world = World()
    world.ok("operator", renewed(2, START_S + 1000))
    board = world.enrol(KitBoard("m1"))
    world.give("anna", board)
    assert of_kind(world.prefer("anna", board), control.INTENT_EVENT)
    done = world.block(after_s=1000)
    assert of_kind(done, "control/no_certificate") == [{"area": 1}]
    assert of_kind(done, control.INTENT_EVENT) == []
    assert kinds(world.block(after_s=900)).count("control/no_certificate") == 0
    done = world.ok("operator", renewed(3, FAR_S))
    assert of_kind(done, "control/certified") == [{"area": 1}]
    assert len(of_kind(done, control.INTENT_EVENT)) == 1


def test_a_lapsed_key_signs_nothing_though_another_is_certified_and_the_chain_still_verifies(
    tmp_path,
):
    home = new_home(tmp_path / "home")
    driver = filled(home)
    chain = driver.chain
    assert chain.control_notice == ""
    driver.block(driver.tx("operator", renewed(2, driver.now_ms // 1000 + 2000)))
    other = setup.CertificateBody(certificate=certificate_of("other", codes.CONTROL, 3))
    driver.block(driver.tx("operator", other))
    driver.block(step_s=2000)
    driver.block()
    assert chain.control_notice.startswith("ControlKeyLapsed: ")
    drafts = [driver.block(step_s=400) for _ in range(4)]
    ordered = [draft for draft in drafts if of_kind(draft.stored.done, control.INTENT_EVENT)]
    assert ordered
    assert all(draft.commands == [] for draft in drafts)
    driver.block(driver.tx("operator", renewed(4, FAR_S)))
    assert chain.control_notice == ""
    drafts = [driver.block(step_s=400) for _ in range(4)]
    assert any(draft.commands for draft in drafts)
    chain.close()
    verify(home)
