"""The live view of a run in the terminal.

`model` says what is shown; `rig_source`, `gateway_source` and `ledger_source` read it, and `gather`
puts it together twice a second. `diagram`, `plot`, `status_lines`, `event_lines` and `board_page`
draw it without a terminal; `app` is the application, `actions` what its keys do, `live` its place
in a run.
"""
