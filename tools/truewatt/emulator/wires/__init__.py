"""What connects boards to the world: serial lines, a noisy bus, metering modules, pins."""
