"""The electrical world: homes on a low-voltage feeder, stepped once a simulated second."""
