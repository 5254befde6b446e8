"""The hand-written scenes, gathered in the fixed order on which the generated files depend."""

from __future__ import annotations

from samplekit.scene import Scene

from scenes import abroad, care, counters, food, friends, health, hiring, housing, meeting_up, office, repairs, school, transport

ALL_SCENES: tuple[Scene, ...] = (
    *food.SCENES,
    *health.SCENES,
    *care.SCENES,
    *counters.SCENES,
    *repairs.SCENES,
    *abroad.SCENES,
    *transport.SCENES,
    *housing.SCENES,
    *hiring.SCENES,
    *office.SCENES,
    *school.SCENES,
    *friends.SCENES,
    *meeting_up.SCENES,
)
