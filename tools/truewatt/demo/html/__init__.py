"""The report of a run as one HTML page that needs nothing but itself.

`chain` and `metered` read what the run left, `run_data` puts it together; `plots` and `figures`
draw it, `tables` and `sections` word it, `page` binds it with `style.css` and `table.js`; `cli` is
`truewatt demo report`.
"""
