"""Boards over BLE GATT, through bleak and BlueZ.

Layers, lowest first: `passkeys` (the file), `agent` (says them to BlueZ), `session` (one board's
connection, kept up), `collector` (all of it), `scan` (who is there). What boards need, acks and the
rules of admission are `gateway.mqtt.boards`, `gateway.mqtt.acker` and `gateway.ingest`: a link only
carries.
"""
