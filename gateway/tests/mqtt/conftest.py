"""A real Mosquitto for the tests of this folder."""

import asyncio

import pytest

from gateway.tests.mqtt.broker import RealBroker
from gateway.tests.mqtt.site import MqttSite


@pytest.fixture
def broker(tmp_path):
    broker = RealBroker(tmp_path / "broker")
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def play(tmp_path, broker):
    """Run a scenario with a gateway connected to the real broker."""

    def run(scenario, **config):
        async def whole():
            async with MqttSite(tmp_path, broker.port, **config) as site:
                await scenario(site)

        asyncio.run(whole())

    return run
