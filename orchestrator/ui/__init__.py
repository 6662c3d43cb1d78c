"""`stepladder ui`: the sweeps of some storages in a browser, live, read from their logs alone.

The server reads and never writes: nothing on its pages acts on a sweep, they show the command that would. It listens on
this machine alone and lets in whoever has its token. What is drawn, and how, is `orchestrator.views.page`'s.
"""
