"""A store that fails under the collector: named, nothing acked, and on it goes."""

import sqlite3

from gateway.tests.site import filled, journal, run
from wireformat import identity


def test_a_full_disk_is_named_nothing_is_acked_and_it_goes_on_afterwards(tmp_path):
    async def scenario(site):
        meter = filled(site, 1, 2)
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 1))
        pages = site.store.database.one("PRAGMA page_count")[0]
        site.store.database.one(f"PRAGMA max_page_count = {pages}")
        for _ in range(200):
            meter.add()
        await site.until(lambda: site.open_codes().get("store") == "store_full")
        assert meter.acked[1] == len(site.held(meter)) - 1 < 200
        site.store.database.one("PRAGMA max_page_count = 1000000")
        await site.until(lambda: meter.acked == (1, 201), 30)
        assert site.held(meter) == journal(meter)
        await site.until(lambda: site.open_codes() == {})

    run(tmp_path, scenario)


def test_a_locked_database_is_named_and_the_bus_goes_on_afterwards(tmp_path):
    async def scenario(site):
        meter = filled(site, 1, 2)
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 1))
        site.store.database.one("PRAGMA busy_timeout = 20")
        other = sqlite3.connect(tmp_path / "gateway.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        meter.add()
        await site.until(lambda: site.open_codes().get("store") == "store_locked")
        assert meter.acked == (1, 1)
        other.close()
        await site.until(lambda: meter.acked == (1, 2))
        await site.until(lambda: site.open_codes() == {})

    run(tmp_path, scenario)


def test_acks_name_the_full_hash_of_what_is_committed(tmp_path):
    async def scenario(site):
        meter = filled(site, 1)
        acks = []
        accept = meter.acknowledged

        def check(ack):
            held = site.store.data_at(meter.address, ack.epoch, ack.seq)
            acks.append(held is not None and identity.record_hash(held) == ack.head)
            return accept(ack)

        meter.acknowledged = check
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 4))
        assert acks
        assert all(acks)

    run(tmp_path, scenario)
