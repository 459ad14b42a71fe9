"""Ways to vendors: the connections and the outlet of each destination, shared by all its workers in this process."""

from __future__ import annotations

import random
from dataclasses import dataclass

from router.clock import Clock
from router.delivery.options import DeliveryOptions
from router.delivery.outlet import Outlet
from router.delivery.pace import Pace
from router.delivery.sending.http_send import HttpSend
from router.destination import Destination


@dataclass(slots=True)
class Way:
    """The connections to a vendor, with the pace and the limits that hold for all who use them."""

    wanted: tuple[Destination, DeliveryOptions, float, float]
    """What it was opened for: the destination, its options and its time-outs."""
    send: HttpSend
    outlet: Outlet
    users: int = 0


class Ways:
    """Opens a way for the first worker of a destination and closes it after the last one."""

    def __init__(self, clock: Clock, chance: random.Random) -> None:
        self._clock = clock
        self._chance = chance
        self._ways: list[Way] = []
        self._paces: dict[str, Pace] = {}
        """The last one of each destination, by its name: its limits hold over changes of it, however many there are."""
        self._share = 1.0

    def take(
        self, destination: Destination, options: DeliveryOptions, timeout_s: float, connect_timeout_s: float
    ) -> Way:
        """The way for a worker of *destination* with these options. Return it with `give_back`.

        Raises:
            PluginFailed: the plugin's endpoints can't be used.
        """
        wanted = (destination, options, timeout_s, connect_timeout_s)
        way = next((each for each in self._ways if each.wanted == wanted), None)
        if way is None:
            way = self._open(*wanted)
            self._ways.append(way)
        way.users += 1
        return way

    def _open(
        self, destination: Destination, options: DeliveryOptions, timeout_s: float, connect_timeout_s: float
    ) -> Way:
        outlet = Outlet(destination.endpoints, options, self._clock, self._chance)
        now = self._clock.monotonic()
        outlet.pace.share(self._share, now)
        if destination.name in self._paces:
            outlet.pace.follow(self._paces[destination.name], now)
        self._paces[destination.name] = outlet.pace
        send = HttpSend(destination.origins, timeout_s, options.concurrency + 1, self._clock, connect_timeout_s)
        return Way((destination, options, timeout_s, connect_timeout_s), send, outlet)

    async def give_back(self, way: Way) -> None:
        way.users -= 1
        if not way.users:
            self._ways.remove(way)
            await way.send.close()

    def share(self, share: float) -> None:
        """Use only this share (above 0, up to 1) of each rate: other processes have the rest."""
        self._share = share
        for way in self._ways:
            way.outlet.pace.share(share, self._clock.monotonic())
            way.outlet.gate.look()
