"""The data folder: where in it each part lies.

DATA/log/                the log
DATA/destinations/       the states of destinations
DATA/suppressed.sqlite   who is suppressed
DATA/rejected.sqlite     rejected calls
DATA/reserve             room on the disk for hard times
DATA/admin.sock          where the running daemon listens for commands
"""

from __future__ import annotations

from pathlib import Path

from router.admin.server import SOCKET_NAME
from router.config import Config
from router.delivery.state.directory import StateDirectory
from router.log.room import Reserve


def log_directory(config: Config) -> Path:
    return config.data / "log"


def state_directory(config: Config) -> Path:
    return config.data / "destinations"


def states_of(config: Config, log_id: str, upgrades: bool = True) -> StateDirectory:
    return StateDirectory(state_directory(config), log_id, reserve_of(config), upgrades)


def reserve_of(config: Config) -> Reserve:
    """The reserve of room on the disk of the log and the states."""
    return Reserve(config.data / "reserve", config.retention.reserve_bytes)


def suppressed_path(config: Config) -> Path:
    return config.data / "suppressed.sqlite"


def rejected_path(config: Config) -> Path:
    return config.data / "rejected.sqlite"


def socket_path(config: Config) -> Path:
    return config.data / SOCKET_NAME
