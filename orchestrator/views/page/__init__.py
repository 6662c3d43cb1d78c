"""The report page: one HTML file that says what a sweep did, why, and what to do next, made from its log alone.

Everything is plain data before it is drawn. Figures are `{data, layout}` mappings made by pure functions, in the words
of plotly.js, which only draws them in the browser; Python's plotly is asked for that one file and nothing else.
"""
