"""The config: its models, its quantities, and how the file is read."""

from router.config.checks import is_loopback
from router.config.loading import load_config, parse_config
from router.config.model import Admin, Config, Delivery, Destination, Retention, Server, Source
from router.config.problem import ConfigError, Problem
from router.config.quantity import Bytes, PerSecond, Seconds

__all__ = [
    "Admin",
    "Bytes",
    "Config",
    "ConfigError",
    "Delivery",
    "Destination",
    "PerSecond",
    "Problem",
    "Retention",
    "Seconds",
    "Server",
    "Source",
    "is_loopback",
    "load_config",
    "parse_config",
]
