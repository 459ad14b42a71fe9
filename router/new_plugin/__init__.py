"""A new plugin to start from: a package that passes its own tests.

The template is a plugin for a vendor called Acme. A new plugin is a copy with that name replaced.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from router.errors import OperatorError

TEMPLATE: Final = Path(__file__).with_name("template")
_IGNORED: Final = ("/var/", "__pycache__/", ".pytest_cache/", "*.egg-info/")
"""Kept out of git: what the router stores when somebody tries it, and what tools leave behind."""
_SLUG: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def write_plugin(slug: str, name: str, parent: Path) -> Path:
    """Write the package ``router-SLUG`` into *parent*. *name* is the vendor's own spelling ("Customer.io").

    Returns:
        The new folder.

    Raises:
        OperatorError: *slug* or *name* is not valid, something else has the folder's name, or it can't be written.
    """
    if not _SLUG.fullmatch(slug):
        raise OperatorError(
            f"\"{slug}\" can't be a plugin's slug; expected lower-case letters and digits, with _ between words"
        )
    if not name.strip() or any(sign in name for sign in '"\\\n') or not name.isprintable():
        raise OperatorError(f"{name!r} can't be a vendor's name; expected one line without quotes")
    folder = parent / f"router-{slug.replace('_', '-')}"
    if folder.exists():
        raise OperatorError(f"{folder} is there already; nothing was written. Take it away, or choose another folder.")
    try:
        _write(folder, slug, name)
    except OSError as error:
        raise OperatorError(f"{folder}: can't be written ({error.strerror}). Choose another folder: --in") from error
    return folder


def _write(folder: Path, slug: str, name: str) -> None:
    for file in sorted(TEMPLATE.rglob("*")):
        if file.is_file() and not _is_cache(file.relative_to(TEMPLATE)):
            target = folder / _renamed(str(file.relative_to(TEMPLATE)), slug, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(_renamed(file.read_text("utf-8"), slug, name), "utf-8")
    (folder / ".gitignore").write_text("".join(f"{line}\n" for line in _IGNORED), "utf-8")


def _is_cache(path: Path) -> bool:
    """Whether tools that looked at the template have left this file behind."""
    return any(part.startswith((".", "__pycache__")) for part in path.parts)


def _renamed(text: str, slug: str, name: str) -> str:
    """*text* with Acme replaced by the vendor, in one pass, so that what was put in is not replaced again."""
    dashed = slug.replace("_", "-")
    forms = {
        "AcmeSandbox": "".join(map(str.capitalize, slug.split("_"))) + "Sandbox",
        "router-acme": f"router-{dashed}",
        "ACME_": f"{slug.upper()}_",
        "acme.example.com": f"{dashed}.example.com",
        "acme": slug,
        "Acme": name,
    }
    return re.sub("|".join(map(re.escape, forms)), lambda found: forms[found[0]], text)
