"""The config: its models, its quantities, and how the file is read."""

from router.config.action import Action, Change, FieldNames, Match, Trigger
from router.config.checks import is_loopback
from router.config.consent import Consent
from router.config.destination import Delivery, Destination
from router.config.loading import load_config, load_storage, parse_config, read_data_folder
from router.config.model import Config
from router.config.problem import ConfigError, Problem
from router.config.retention import Retention
from router.config.server import Admin, Server
from router.config.source import Source

__all__ = [
    "Action",
    "Admin",
    "Change",
    "Config",
    "ConfigError",
    "Consent",
    "Delivery",
    "Destination",
    "FieldNames",
    "Match",
    "Problem",
    "Retention",
    "Server",
    "Source",
    "Trigger",
    "is_loopback",
    "load_config",
    "load_storage",
    "parse_config",
    "read_data_folder",
]
