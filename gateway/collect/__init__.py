"""Modbus RTU collection: one worker a bus, one cycle a board, commands ahead of polling.

Layers, lowest first: `turns` (who may talk), `bus` (frames over pymodbus), `status` and `link`
(a board's register map), `inbox` (frames that a board verifies), `watch` and `quarantine` (pure),
`pull` (records to the store, then the ack), `cycle` (one visit to a board), `worker` (one bus),
`collector` (all of them).
"""
