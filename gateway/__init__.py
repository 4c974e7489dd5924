"""See the project README."""
