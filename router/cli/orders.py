"""Orders: what the main process tells a delivering process through the pipe that is its standard input.

The pipe is a leash too: when the main process is gone, for whatever reason, the pipe ends, and its reader ends with it. It
carries pickles, as between the processes of `multiprocessing`: a destination's settings are a plugin's own models, with secrets
that no file should hold.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Literal

from router.config import Config
from router.errors import OperatorError
from router.registry import Registry
from router.suppressed import NOBODY, Suppressed

NEWS: Final[Literal["news"]] = "news"
"""There is something new in the log."""
READY: Final = b"ready\n"
"""What a delivering process prints once it can be spoken to."""


def socket_name(number: int) -> str:
    """The name of a delivering process's admin socket in the data directory."""
    return f"admin-{number}.sock"


@dataclass(frozen=True)
class Orders:
    """The config from now on, and which of its destinations the reader delivers to."""

    config: Config
    sandbox_urls: Mapping[str, str]
    names: frozenset[str]
    suppressed: Suppressed = NOBODY


@dataclass(frozen=True, slots=True)
class Envelope:
    """Orders on their way. They hold models of plugins that the config names, so those are loaded before it is opened."""

    number: int
    """Counts up."""
    plugins: tuple[str, ...]
    pickled: bytes

    @classmethod
    def seal(cls, number: int, orders: Orders) -> Envelope:
        return cls(number, orders.config.plugins, pickle.dumps(orders))

    def open(self, registry: Registry) -> Orders:
        """The orders. From now on *registry* has the plugins of their config.

        Raises:
            Exception: anything may go wrong with a plugin, although the main process could load it.
        """
        candidate, problems = registry.with_named(self.plugins)
        if problems:
            raise ImportError("; ".join(message for _, message in problems))
        registry.adopt(candidate)
        orders: Orders = pickle.loads(self.pickled)
        return orders


def check_portable(config: Config) -> None:
    """Check that *config* can be handed to another process.

    Raises:
        OperatorError: the settings of a destination can't be.
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
