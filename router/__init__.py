"""A destination fan-out router: each customer event in once, out to every tool in its own words."""

__version__ = "0.1.0"
