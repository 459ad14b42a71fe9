"""Orders: what the main process tells a delivering process through the pipe that is its standard input.

The pipe is a leash too: when the main process is gone, for whatever reason, the pipe ends, and its reader ends with it. It
carries pickles, as between the processes of `multiprocessing`: a destination's settings are a plugin's own models, with secrets
that no file should hold. Those of each destination are a pickle within the pickle: the reader loads the plugins when it starts,
and a plugin may have changed on disk since the main process loaded it.
"""

from __future__ import annotations

import pickle
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Final, Literal

from router.cli.wiring import to_assignment
from router.config import Config
from router.delivery.assignment import Assignment
from router.errors import OperatorError
from router.integrations import DestinationNames
from router.plugin import Plugin, PluginSettings
from router.plugin_import import describe_with_place
from router.registry import Registry
from router.suppressed import Suppressed

NEWS: Final[Literal["news"]] = "news"
"""There is something new in the log."""
READY: Final = b"ready\n"
"""What a delivering process prints once it can be spoken to."""


def socket_name(number: int) -> str:
    """The name of a delivering process's admin socket in the data directory."""
    return f"admin-{number}.sock"


@dataclass(frozen=True)
class Orders:
    """What the reader delivers from now on. They hold nothing of a plugin's but pickled settings, so that any can be read."""

    config: Config
    """The config with the reader's destinations alone, and without their settings."""
    settings: Mapping[str, bytes] = field(repr=False)
    """By destination, each pickled by itself, so that a plugin that can't be used costs no other destination its settings. They
    hold secrets in plain text."""
    sandbox_urls: Mapping[str, str]
    known: Mapping[str, DestinationNames]
    """What callers may call the destinations of the whole router."""
    suppressed: Suppressed

    @classmethod
    def give(
        cls,
        config: Config,
        sandbox_urls: Mapping[str, str],
        names: Collection[str],
        known: Mapping[str, DestinationNames],
        suppressed: Suppressed,
    ) -> Orders:
        """Orders to deliver to the destinations of *config* with these *names*."""
        mine = {name: each for name, each in config.destinations.items() if name in names}
        bare = {name: each.model_copy(update={"settings": PluginSettings()}) for name, each in mine.items()}
        settings = {name: pickle.dumps(each.settings) for name, each in mine.items()}
        return cls(config.model_copy(update={"destinations": bare}), settings, sandbox_urls, known, suppressed)

    @property
    def names(self) -> Collection[str]:
        """The reader's destinations."""
        return self.config.destinations.keys()

    @property
    def elsewhere(self) -> list[DestinationNames]:
        """The names of all others."""
        return [each for name, each in self.known.items() if name not in self.names]

    def assignment(self, name: str, registry: Registry, absent: Sequence[str] = ()) -> Assignment:
        """The assignment of one of the reader's destinations. If its plugin can't be used as the main process uses it, that is
        its obstacle.

        Args:
            absent: why plugins that the config names are not in *registry*.
        """
        try:
            if absent and self.config.destinations[name].plugin not in registry:
                raise OperatorError("; ".join(absent))
            settings = self._settings(name, registry)
            config = self._with_settings(name, settings)
            return to_assignment(config, name, registry, self.sandbox_urls, self.suppressed)
        except Exception as error:  # whatever a plugin does that is not the one of the main process any more
            why = str(error) if isinstance(error, OperatorError) else describe_with_place(error)
        known = self.known[name]
        stand_in = Plugin(
            slug=known.slug,
            name=known.display,
            aliases=known.aliases,
            settings=PluginSettings,
            endpoints=(),
            actions=(),
        )
        obstacle = (
            f"plugin {known.slug} is not as it was when the router started: {why}. It is tried again; if it was meant to "
            "change, restart the router"
        )
        return replace(to_assignment(self.config, name, Registry([stand_in])), obstacle=obstacle)

    def _settings(self, name: str, registry: Registry) -> PluginSettings:
        """Raises whatever may go wrong with a plugin."""
        expected = registry.get(self.config.destinations[name].plugin).settings
        settings = pickle.loads(self.settings[name])
        if not isinstance(settings, expected):
            raise OperatorError(f"its settings are a {expected.__name__} now, and no {type(settings).__name__}")
        if missing := expected.model_fields.keys() - vars(settings):
            raise OperatorError(f"its settings now have: {', '.join(sorted(missing))}")
        return settings

    def _with_settings(self, name: str, settings: PluginSettings) -> Config:
        destination = self.config.destinations[name].model_copy(update={"settings": settings})
        return self.config.model_copy(update={"destinations": {name: destination}})


@dataclass(frozen=True, slots=True)
class Envelope:
    """Orders on their way."""

    number: int
    """Counts up."""
    orders: Orders


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
