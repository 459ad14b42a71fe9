"""What the main process tells a process that delivers, down the pipe that is its standard input.

The pipe is the leash as well: when the main process is gone, however it went, it ends, and whoever reads it ends with it. What
goes through it are pickles, as between the processes of `multiprocessing`: the settings of a destination are a plugin's own
models, with secrets that no file should hold.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Literal

from router.config import Config
from router.errors import OperatorError
from router.registry import Registry

NEWS: Final[Literal["news"]] = "news"
"""There is something new in the log."""
READY: Final = b"ready\n"
"""What a process that delivers prints once it can be spoken to."""


def socket_name(number: int) -> str:
    """Of the admin socket of a process that delivers, in the data directory."""
    return f"admin-{number}.sock"


@dataclass(frozen=True)
class Orders:
    """What the config is from now on, and which of its destinations are the reader's."""

    config: Config
    sandbox_urls: Mapping[str, str]
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Envelope:
    """Orders on the way. The plugins that the config names are loaded before it is opened: their models are in it."""

    number: int
    """Counts up."""
    plugins: tuple[str, ...]
    pickled: bytes

    @classmethod
    def seal(cls, number: int, orders: Orders) -> Envelope:
        return cls(number, orders.config.plugins, pickle.dumps(orders))

    def open(self, registry: Registry) -> Orders:
        """The orders; *registry* has the plugins of their config from now on.

        Raises:
            Exception: whatever goes wrong with a plugin that could be loaded in the main process.
        """
        candidate, problems = registry.with_named(self.plugins)
        if problems:
            raise ImportError("; ".join(message for _, message in problems))
        registry.adopt(candidate)
        orders: Orders = pickle.loads(self.pickled)
        return orders


def check_portable(config: Config) -> None:
    """
    Raises:
        OperatorError: the settings of a destination can't go to another process.
    """
    for name, each in config.destinations.items():
        try:
            pickle.dumps(each.settings)
        except Exception as error:  # whatever the plugin keeps in them
            raise OperatorError(
                f"destinations.{name}: the settings of plugin {each.plugin} can't be handed to another process ({error}). "
                "Leave --processes out; or define their class at the top of the plugin's module, with values that can be "
                "pickled"
            ) from error


def write(message: Envelope | Literal["news"]) -> bytes:
    return pickle.dumps(message)


def read(pipe: BinaryIO) -> Any:
    """The next message.

    Raises:
        EOFError: the main process is gone.
    """
    return pickle.load(pipe)
