"""Boards over an MQTT broker.

Layers, lowest first: `packets` (bytes), `client` (one connection), `line` (one that is
kept up), `intake` (what waits, bounded),
`boards` (what each board needs and was told), `acker` (signed acks), `collector` (all of it);
`broker` is the embedded one, `setup` writes the configuration of a real one.
"""
