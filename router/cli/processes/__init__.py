"""A router that delivers from several processes, ``router run --processes N``."""
