"""A plausible state of each meter, in steps that its registers can hold."""

from gateway.profiles.profile import Profile
from gateway.profiles.quantities import CURRENT, ENERGY, FREQUENCY, POWER, VOLTAGE


def sample(profile: Profile) -> dict[str, int | None]:
    """Values by key: 230.4 V, 4.5 A and about 1 kW a phase, counters that differ."""
    values: dict[str, int | None] = {}
    for number, register in enumerate(profile.registers):
        size = {VOLTAGE: 2304, CURRENT: 4500, POWER: 1000, FREQUENCY: 50_000}.get(register.kind, 0)
        if register.quantity == "power" and profile.phases == 3:
            size = 3000
        if register.kind is ENERGY:
            size = 123_400 + 1000 * number
        if not size:
            size = 900 if register.key.endswith("milli") else 100 * number
        step = 1 if register.type == "float32" else max(1, int(register.factor))
        values[register.key] = size - size % step
    imported, exported = values.get("import_wh"), values.get("export_wh")
    if imported is not None and exported is not None and "total_wh" in values:
        values["total_wh"] = imported + exported
    return values
