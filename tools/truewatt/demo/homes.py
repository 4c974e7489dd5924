"""The demo's homes as data: what each has, and what its owner wants."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

WATER_HEATER, EV = 0, 1
ASSETS = ("water_heater", "ev")
SG_CONTACTS = ("sg1", "sg2")

FIRST_METER = 11
"""Bus address of a section's first meter; its M-LMD is at 1."""

LEAST_METERS_WITH_PLANT = 10
"""In a section: smaller streets have neither devices that the gateway signs for nor heat pumps."""
BATTERY_SEAT, CHARGER_SEAT, HEAT_PUMP_SEATS = 1, 2, (4, 7)
"""Which homes of a section have one."""
MOST_DEVICES_OF_A_KIND = 9
"""Bus addresses of batteries and chargers are ten apart."""
BATTERY_W, BATTERY_WH, HEAT_PUMP_W = 5_000, 10_000, 2_000


@dataclass(frozen=True)
class HomePlan:
    """One home: its place, its assets' powers, the price its owner accepts, when the car must be
    full. `address` is the meter's on the bus of its section.

    With a `heat_pump_w` an SG-Ready heat pump is on the relays in place of water heater and car.
    `battery` and `charger`: names of the devices on the bus `plant` that steer those, if any.
    """

    name: str
    meter: str
    section: str
    address: int
    heater_w: int
    ev_w: int
    ev_need_wh: int
    price_limit: int
    ev_deadline_s: int
    heat_pump_w: int = 0
    battery: str = ""
    charger: str = ""

    @property
    def contacts(self) -> tuple[str, ...]:
        """What the meter's relays switch, in their order."""
        if self.heat_pump_w:
            return SG_CONTACTS
        return ASSETS[:EV] if self.charger else ASSETS

    @property
    def rig_assets(self) -> dict[str, dict[str, float]]:
        """What the emulated home has, for `rig.json`."""
        if self.heat_pump_w:
            return {"heat_pump": {"power_w": self.heat_pump_w}}
        assets: dict[str, dict[str, float]] = {
            "water_heater": {"power_w": self.heater_w},
            "ev": {
                "power_w": self.ev_w,
                "need_wh": self.ev_need_wh,
                "from_min": 16 * 60 + 20,
                "until_min": 7 * 60,
            },
        }
        if self.battery:
            assets["battery"] = {"power_w": BATTERY_W, "capacity_wh": BATTERY_WH}
        return assets


def plan_homes(
    seed: int, count: int, mlmds: int = 1, with_plant: bool | None = None
) -> tuple[HomePlan, ...]:
    """Homes of a seed, in equal parts behind each M-LMD: the first ones behind `x1`.

    Half of the cars have a deadline soon enough to overrule the price.

    Their owners' limits lie apart, as people's do: if all let go and came back at one price, the
    price would swing with them. `with_plant`: some have a battery, a charger or a heat pump; None:
    where sections are large enough.
    """
    if with_plant is None:
        with_plant = count // mlmds >= LEAST_METERS_WITH_PLANT
    seats = [
        (mlmd + 1, seat)
        for mlmd in range(mlmds)
        for seat in range(count // mlmds + (mlmd < count % mlmds))
    ]
    return tuple(
        _home(seed, number, mlmd, seat, with_plant) for number, (mlmd, seat) in enumerate(seats, 1)
    )


def _home(seed: int, number: int, mlmd: int, seat: int, with_plant: bool) -> HomePlan:
    rng = Random(f"home-{seed}-{number}")
    has_devices = with_plant and mlmd <= MOST_DEVICES_OF_A_KIND
    return HomePlan(
        name=f"h{number}",
        meter=f"m{number}",
        section=f"x{mlmd}",
        address=FIRST_METER + seat,
        heater_w=rng.choice([1500, 2000, 2500]),
        ev_w=3700,
        ev_need_wh=rng.choice([7000, 9000, 11000]),
        price_limit=220_000 + 30_000 * (number % 3) + rng.randrange(0, 30_000, 1_000),
        ev_deadline_s=(21 if number % 2 else 23) * 3600,
        heat_pump_w=HEAT_PUMP_W if with_plant and seat in HEAT_PUMP_SEATS else 0,
        battery=f"b{mlmd}" if has_devices and seat == BATTERY_SEAT else "",
        charger=f"c{mlmd}" if has_devices and seat == CHARGER_SEAT else "",
    )
