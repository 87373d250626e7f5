"""The log call that every peer makes: one order event with six attributes, as a trading service would write it.

The call is written out once, so that all peers pay the same for it: the dictionary of `extra=`, the level check and
stdlib logging's own work are in everybody's figure, and the NullHandler's figure is exactly those.
"""

from __future__ import annotations

import logging

ORDER_IDS = tuple(f"MM-{number:06d}" for number in range(128))
SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD")


def order_submitted(logger: logging.Logger, i: int) -> None:
    logger.info(
        "order_submitted",
        extra={
            "component": "orders",
            "session_id": "run-5c93366c-s0001",
            "order_id": ORDER_IDS[i & 127],
            "symbol": SYMBOLS[i & 3],
            "qty": i,
            "price": 67_250.25,
        },
    )
