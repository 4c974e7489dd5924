from __future__ import annotations

import pytest

from ledger import keys, setup
from ledger.contracts import app, errors, registry
from ledger.contracts.objects import REVOKED, Device
from ledger.tests.contracts.kit import (
    CHAIN,
    FAR_S,
    START_MS,
    Board,
    World,
    certificate_of,
    genesis,
    of_kind,
    seed_of,
)
from ledger.tx import MalformedTx, OversizedTx, make_tx, open_tx
from wireformat import codes


def test_an_enrolled_board_is_on_the_ledger_with_what_it_is():
    world = World()
    head = world.enrol(Board("x1", codes.MLMD, ((codes.SECTION, codes.GRID),), fixed_limit_w=9000))
    meter = world.enrol(Board("m1"), section=head.address)
    device = world.get(Device, registry.DEVICE + meter.address)
    assert (device.area, device.section, device.relays) == (1, head.address, 2)
    assert device.enrolled_height == world.height
    assert device.installer == keys.address(seed_of("installer"))
    assert registry.devices_of_area(_context(world), 1) == sorted([head.address, meter.address])


def _context(world: World):
    return registry.Context(world.state, world.genesis.params, CHAIN, world.height, world.now_ms)


def test_a_board_can_not_be_enrolled_twice_nor_by_anyone():
    world = World()
    board = world.enrol(Board("m1"))
    body = setup.EnrolBody(enrolment=board.enrolment(), area=1, section=b"")
    assert world.run("installer", body).results[0].code == errors.KeyInUse.code
    other = setup.EnrolBody(enrolment=Board("m2").enrolment(), area=1, section=b"")
    assert world.run("gateway", other).results[0].code == errors.NotAllowed.code
    assert world.run("stranger", other).results[0].code == errors.UnknownSigner.code


@pytest.mark.parametrize(
    ("board", "area", "section", "expected"),
    [
        (Board("m1"), 7, b"", errors.UnknownArea),
        (Board("m1"), 1, b"s" * 20, errors.UnknownDevice),
        (Board("m1"), 1, b"short", errors.BadEnrolment),
        (Board("m1", channels=((codes.SECTION, codes.GRID),)), 1, b"", errors.BadEnrolment),
        (Board("m1", channels=((codes.LOAD, 99),)), 1, b"", errors.BadEnrolment),
        (Board("x", codes.MLMD, ((codes.SECTION, codes.GRID),)), 1, b"", errors.BadEnrolment),
        (Board("m1", role=9), 1, b"", errors.BadEnrolment),
    ],
)
def test_enrolments_that_make_no_sense_are_refused(board, area, section, expected):
    world = World(areas=1)
    before = world.content()
    body = setup.EnrolBody(enrolment=board.enrolment(), area=area, section=section)
    signer = "installer"
    if area != 1:
        world.ok("operator", _certificate("everywhere", codes.INSTALLER, 5, area=0))
        signer, before = "everywhere", world.content()
    assert world.run(signer, body).results[0].code == expected.code
    assert world.content() == before


def _certificate(name: str, role: int, serial: int, area: int = 1) -> setup.CertificateBody:
    return setup.CertificateBody(certificate=certificate_of(name, role, serial, area))


def test_an_enrolment_signed_by_another_key_proves_no_possession():
    world = World()
    forged = bytearray(Board("m1").enrolment())
    forged[-1] ^= 1
    body = setup.EnrolBody(enrolment=bytes(forged), area=1, section=b"")
    assert world.run("installer", body).results[0].code == errors.BadEnrolment.code


def test_certificates_need_the_operator_root_a_future_and_a_fresh_serial():
    world = World()
    assert world.run("gateway", _certificate("g2", codes.ACK, 1)).results[0].code == (
        errors.StaleSerial.code
    )
    world.ok("gateway", _certificate("g2", codes.ACK, 2))
    assert world.run("operator", _certificate("g2", codes.CONTROL, 9)).results[0].code == (
        errors.KeyInUse.code
    )
    world.ok("operator", _certificate("g2", codes.ACK, 3))  # renewal of the same key
    for fields in (
        {"operator_seed": seed_of("stranger")},
        {"expires_s": START_MS // 1000},
        {"role": 9},
        {"area": 77},
    ):
        values = {
            "operator_seed": seed_of("operator"),
            "role": codes.ACK,
            "area": 1,
            "public_key": keys.public_key(seed_of("g3")),
            "serial": 9,
            "expires_s": FAR_S,
            **fields,
        }
        signed = setup.certify(values.pop("operator_seed"), CHAIN, **values)
        done = world.run("operator", setup.CertificateBody(certificate=signed))
        assert done.results[0].code == errors.BadCertificate.code, fields


def test_an_expired_certificate_signs_nothing_more():
    world = World()
    expires_s = START_MS // 1000 + 100
    signed = setup.certify(
        seed_of("operator"),
        CHAIN,
        role=codes.INSTALLER,
        area=1,
        public_key=keys.public_key(seed_of("temp")),
        serial=2,
        expires_s=expires_s,
    )
    world.ok("operator", setup.CertificateBody(certificate=signed))
    body = setup.EnrolBody(enrolment=Board("m1").enrolment(), area=1, section=b"")
    assert world.run("temp", body, after_s=200).results[0].code == errors.UnknownSigner.code


def test_revocation_is_dated_by_height_and_ends_every_right():
    world = World()
    board = world.enrol(Board("m1"))
    world.give("anna", board)
    for address in (board.address, keys.address(seed_of("anna")), keys.address(seed_of("gateway"))):
        done = world.ok("operator", setup.RevokeBody(address=address, why="test"))
        assert of_kind(done, "registry/revoked")[0]["address"] == address
    device = world.get(Device, registry.DEVICE + board.address)
    assert (device.status, device.status_height) == (REVOKED, world.height - 2)
    assert world.run("gateway", setup.RecordsBody(records=[board.reading()])).results[0].code == (
        errors.UnknownSigner.code
    )
    missing = setup.RevokeBody(address=bytes(20), why="test")
    assert world.run("operator", missing).results[0].code == errors.UnknownAddress.code


def test_a_board_has_one_owner():
    world = World()
    board = world.enrol(Board("m1"))
    world.give("anna", board)
    world.give("anna", board)  # again: no harm
    body = setup.AccountBody(public_key=keys.public_key(seed_of("bert")), devices=[board.address])
    before = world.content()
    assert world.run("operator", body).results[0].code == errors.NotAllowed.code
    assert world.content() == before


def test_check_tx_names_why_and_the_signature_comes_last():
    world = World()
    body = setup.RevokeBody(address=bytes(20), why="x")
    good = world.tx("operator", body)
    assert app.check_tx(world.state, CHAIN, good, START_MS // 1000) == app.Checked(
        keys.address(seed_of("operator")), 1
    )
    forged = good[:-1] + bytes([good[-1] ^ 1])
    cases = {
        b"junk": errors.NotATransaction,
        bytes(40_000): errors.NotATransaction,
        setup.build_tx(seed_of("nobody"), CHAIN, 1, body): errors.UnknownSigner,
        setup.build_tx(seed_of("operator"), "other-chain", 1, body): errors.WrongSignature,
        make_tx(seed_of("operator"), CHAIN, 1, "mint", {}): errors.UnknownKind,
        forged: errors.WrongSignature,
    }
    for data, expected in cases.items():
        with pytest.raises(expected):
            app.check_tx(world.state, CHAIN, data, START_MS // 1000)
    world.block(world.tx("operator", setup.AccountBody(public_key=b"k" * 32, devices=[])))
    with pytest.raises(errors.UsedNonce):
        app.check_tx(world.state, CHAIN, good, START_MS // 1000)
    assert world.block(good).results[0].code == errors.UsedNonce.code


def test_transactions_of_the_wrong_shape_are_malformed():
    seed = seed_of("operator")
    with pytest.raises(MalformedTx):
        make_tx(seed, CHAIN, 0, "revoke", {})
    with pytest.raises(MalformedTx):
        make_tx(seed, CHAIN, 1, "", {})
    with pytest.raises(MalformedTx):
        make_tx(seed, CHAIN, 1, "revoke", {"a": 1})
    with pytest.raises(OversizedTx):
        open_tx(bytes(40_000), CHAIN)
    with pytest.raises(errors.BadBody, match="why"):
        setup.RevokeBody.from_map({0: bytes(20)})
    with pytest.raises(errors.BadBody, match="no key 7"):
        setup.RevokeBody.from_map({0: bytes(20), 1: "x", 7: 1})


def test_the_genesis_document_survives_its_json_and_names_faults(tmp_path):
    document = genesis(areas=2)
    document.save(tmp_path / "g.json")
    assert setup.Genesis.load(tmp_path / "g.json") == document
    broken = document.to_json()
    broken["app_state"]["areas"][0]["energies"][0]["least"] = 10**9
    with pytest.raises(ValueError, match=r"areas\[0\].energies\[0\]: expected least <= base"):
        setup.Genesis.from_json(broken)


def test_the_key_of_an_expired_certificate_sends_nothing_more():
    world = World()
    tx = world.tx("gateway", setup.RecordsBody(records=[(1, b"x")]))
    app.check_tx(world.state, CHAIN, tx, FAR_S - 1)
    with pytest.raises(errors.UnknownSigner):
        app.check_tx(world.state, CHAIN, tx, FAR_S)
    assert world.block(tx, after_s=FAR_S).results[0].code == errors.UnknownSigner.code
