"""Row 18 of the battery, the router as a whole: over power cuts log and states fit, and nothing acknowledged is lost."""

from __future__ import annotations

import json
import random

import pytest

from tests.log.power_cut import PowerSupply, build
from tests.system.checks import check_books, check_delivered
from tests.system.harness import Stage, until

CUTS = 10
SEED = 1


@pytest.mark.full
@pytest.mark.timeout(400)
def test_row_18_nothing_acknowledged_is_lost_by_power_cuts(stage: Stage) -> None:
    """Each start finds what the last cut has left, under load."""
    chance = random.Random(SEED)
    library = build(stage.folder)
    vendors = stage.vendors("mixpanel", "customerio")
    for vendor in vendors:
        vendor.fail(hang_s=0.03, after=True)
    destinations = {vendor.name: vendor.destination() for vendor in vendors}
    supply = PowerSupply(library, stage.folder / "var", stage.folder / "shadow")
    router = stage.router(destinations, env=supply.environ, is_started=False, retention={"segment": "100KB"})
    supply.switch_on()
    router.start()
    generator = stage.generator(router, users=20, batch=5, workers=4, pause_s=0.02)
    for cut in range(CUTS):
        before, wanted = len(generator.acked()), chance.randrange(20, 200)
        until(lambda: len(generator.acked()) >= before + wanted, "load")  # noqa: B023
        router.kill()
        data = stage.folder / f"var-{cut}"
        supply.cut(data, chance)
        config = json.loads(router.config.read_text())
        router.config.write_text(json.dumps({**config, "data": str(data)}))
        supply = PowerSupply(library, data, stage.folder / f"shadow-{cut}")
        supply.switch_on()
        router.env.update(supply.environ)
        router.start()
    acked = generator.stop()
    for vendor in vendors:
        vendor.heal()
    router.until_settled()

    check_delivered(acked, *vendors)
    check_books(router)
