"""The config: its models, its quantities, and how the file is read."""

from router.config.action import Action, Change, Consent, FieldNames, Match, Trigger
from router.config.checks import is_loopback
from router.config.loading import load_config, parse_config
from router.config.model import Admin, Config, Delivery, Destination, Retention, Server, Source
from router.config.problem import ConfigError, Problem
from router.config.quantity import Bytes, PerSecond, Seconds

__all__ = [
    "Action",
    "Admin",
    "Bytes",
    "Change",
    "Config",
    "ConfigError",
    "Consent",
    "Delivery",
    "Destination",
    "FieldNames",
    "Match",
    "PerSecond",
    "Problem",
    "Retention",
    "Seconds",
    "Server",
    "Source",
    "Trigger",
    "is_loopback",
    "load_config",
    "parse_config",
]
