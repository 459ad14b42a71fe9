"""Where requests may go (promise 10): to the schemes, hosts and ports of a destination's settings and of nothing else. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from yarl import URL


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def check_url(url: str, origins: tuple[str, ...]) -> None:
    """Refuse what would go elsewhere than to one of *origins* or break out of its line.

    Raises:
        ValueError: it would.
    """
    if any(char <= " " or char == "\x7f" for char in url):
        raise ValueError("the URL of the request holds a blank or a control character")
    origin = origin_of(url)
    target = URL(url, encoded=True)  # how the client reads it
    if origin not in origins or target.origin() != URL(origin, encoded=True).origin():
        raise ValueError(f"a request may only go to {' or '.join(origins)}, the plugin made one for {origin}")
