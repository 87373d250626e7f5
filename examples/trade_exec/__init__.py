"""trade_exec: a trading service to log with, simulated from end to end.

It exists so that the library is shown, demonstrated and tested on the records that a real execution service writes:
sessions, order life-cycles, feed outages and errors, all from one asyncio event loop that must never be held up by a
log call.  Nothing here is needed to use the library; read `__main__.py` for the three lines that are.

    PYTHONPATH=examples python -m trade_exec --rate 600 --duration 10
"""
