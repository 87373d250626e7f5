"""Objects that a logger had better survive. Imported by the programs that the tests run."""

from __future__ import annotations

import enum
from typing import Any


class Exploding:
    def __str__(self) -> str:
        raise ValueError("no text for you")


class Unprintable(Exploding):
    def __repr__(self) -> str:
        raise ValueError("nor this way")


class Doubly:
    """Explodes with an exception that explodes."""

    class Error(Exception):
        def __str__(self) -> str:
            raise RuntimeError("nor for the error")

    def __str__(self) -> str:
        raise self.Error


class NotText:
    def __str__(self) -> Any:
        return 42


class Side(enum.Enum):
    BUY = 1
    SELL = 2


class Venue(enum.IntEnum):
    XETRA = 7


class Kind(enum.StrEnum):
    LIMIT = "limit"


class Flag(enum.Flag):
    POST_ONLY = 1
    REDUCE = 2


class Price(float):
    pass


class Quantity(int):
    pass


class Symbol(str):
    def __str__(self) -> str:
        return "not the text itself"


class Growing:
    """Changes the container that it stands in while that is being logged."""

    def __init__(self, container: Any) -> None:
        self.container = container

    def __str__(self) -> str:
        if isinstance(self.container, dict):
            for i in range(1000):
                self.container[f"new{i}"] = self
            self.container.pop("first", None)
        else:
            self.container.clear()
        return "grown"


class Chatty:
    """Logs from inside its own __str__."""

    def __init__(self, logger: Any, depth: int = 1) -> None:
        self.logger = logger
        self.depth = depth

    def __str__(self) -> str:
        if self.depth:
            self.logger.info("inner", extra={"depth": self.depth, "v": Chatty(self.logger, self.depth - 1)})
        return f"chatty {self.depth}"


class Endless:
    """Logs itself from inside its own __str__, for ever."""

    def __init__(self, logger: Any) -> None:
        self.logger = logger

    def __str__(self) -> str:
        self.logger.info("again %s", self, extra={"v": self})
        return "endless"


def nested(depth: int, innermost: Any = "core", start: int = 0) -> Any:
    value = innermost
    for i in range(start, start + depth):
        value = {"d": value} if i % 2 else [value]
    return value


def cycle() -> list[Any]:
    value: list[Any] = [1]
    value.append({"self": value})
    return value
