"""After a run: reads the journals, the store, the ledger and the physics, and draws the balance."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.store import Store
from ledger.engine.home import Home
from ledger.engine.verify import verify
from truewatt.demo import report
from truewatt.demo.accounting import SignedRecord, account, parse
from truewatt.demo.attested import take_stock
from truewatt.demo.ledger_view import read_ledger
from truewatt.demo.physics_log import PhysicsLog, balance, switchings
from truewatt.demo.scenario import CHAIN_ID
from truewatt.demo.site import Site
from wireformat.cose import KID_BYTES

Say = Callable[[str], None]
Books = dict[str, list[SignedRecord]]


def account_for(
    site: Site,
    end_s: int,
    kills: int,
    restarts: Mapping[str, int],
    set_aside: Mapping[str, str],
    say: Say,
) -> dict[str, object]:
    """The report of a run whose processes have all ended; `end_s` is when its time was up.

    Boards in `set_aside` were put out of service on purpose: they are listed, not accounted for.
    """
    say("reading the boards' own journals")
    boards = {name: at for name, at in site.addresses.items() if name not in set_aside}
    journals = {name: parse(site.board(name).journal(), CHAIN_ID) for name in boards}
    kept, refusals = _kept(site, boards)
    attested = site.attested_addresses
    attested_kept, _ = _kept(site, attested)
    say("replaying and checking the whole chain")
    verified = _verifies(site, say)
    everyone = {**site.addresses, **attested}
    devices = {address[:KID_BYTES]: address for address in everyone.values()}
    ledger = read_ledger(site.ledger_home, devices)
    on_ledger = {name: ledger.admitted.get(at, []) for name, at in boards.items()}
    physics = PhysicsLog(site.run_dir / "rig" / "physics.csv")
    return report.build(
        report.Evidence(
            scenario=site.scenario,
            account=account(journals, kept, end_s),
            ledger_account=account(kept, on_ledger, end_s),
            refusals=refusals,
            ledger=ledger,
            balance=balance(physics, kept, site.scenario.channel_names),
            physics=physics,
            switchings=switchings(site.run_dir / "rig" / "switches.jsonl"),
            kept=kept,
            kills=kills,
            restarts=restarts,
            set_aside=set_aside,
            verified=verified,
            attested=take_stock(
                site.scenario.devices,
                attested_kept,
                {name: ledger.admitted.get(at, []) for name, at in attested.items()},
                physics,
                end_s,
            ),
        )
    )


def _kept(site: Site, boards: Mapping[str, bytes]) -> tuple[Books, dict[str, int]]:
    store = Store.open_readonly(site.run_dir / "gateway" / "gateway.db")
    try:
        kept = {
            name: parse(((row[2], row[3]) for row in store.records(address)), CHAIN_ID)
            for name, address in boards.items()
        }
        return kept, store.refusals()
    finally:
        store.close()


def _verifies(site: Site, say: Say) -> bool:
    try:
        verify(Home(site.ledger_home), lambda height, last: None)
    except (ValueError, RuntimeError, OSError) as error:
        say(f"the chain does not verify: {error}")
        return False
    return True
