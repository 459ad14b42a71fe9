"""A page on loopback with Segment's own snippet in it, pointed at a router; `make page` runs it. What is typed into its form
arrives at the stand-in of Mixpanel, and is printed here.

The snippet fetches Segment's script, as on any page that has it. It needs node and its packages: `make sdks`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from tests.sdks.browser import Pages, pasted_snippet
from tests.sdks.router_process import RouterProcess

LOOK_S = 0.5


async def show(folder: Path) -> None:
    """Until it is interrupted."""
    router, pages = RouterProcess(folder), Pages(folder / "pages")
    (folder / "pages").mkdir()
    await router.start(source={"sdk": "segment"})
    await pages.start()
    try:
        pages.write_form(await pasted_snippet(folder, router.url))
        _print(
            f"Open {pages.url}/index.html in a browser, fill in the form, and see here what Mixpanel gets. Ctrl-C ends it."
        )
        shown = 0
        while True:
            taken = await router.taken("mixpanel")
            for entry in taken[shown:]:
                _print(f"{entry['kind']}: {json.dumps(entry['item'], indent=2)}")
            shown = len(taken)
            await asyncio.sleep(LOOK_S)
    finally:
        await pages.stop()
        await router.stop()


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            asyncio.run(show(Path(folder)))
        except KeyboardInterrupt:
            sys.exit(130)


if __name__ == "__main__":
    main()
