"""Turn a scene into rows: draw slot values, choose wordings, number the speakers, fill the templates."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from samplekit.particles import with_particle
from samplekit.scene import Maybe, Outcome, Scene, Step

_FIELD = re.compile(r"\{(\w+)(?::([가-힣]+))?\}")
_ROLES = frozenset("ABC")

FillIdentity = tuple[str, str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Row:
    """One generated example, with what is needed to reason about leaks and facts.

    Attributes:
        dialogue: The turns, one per line.
        summary: The summary.
        topic: The topic.
        scene: Key of the scene the row was made from.
        identity: Scene, outcome and every slot value its summaries can state; equal for rewordings of one story.
        facts: The slot values that this row's summary states.
    """

    dialogue: str
    summary: str
    topic: str
    scene: str
    identity: FillIdentity
    facts: tuple[str, ...]


def draw_fill(scene: Scene, rng: random.Random) -> dict[str, str]:
    """Draw a value for every slot of a scene.

    Args:
        scene: The scene.
        rng: Source of randomness.

    Returns:
        Slot values by slot name.
    """
    slots_by_pool: dict[int, list[str]] = {}
    for slot, pool in scene.slots.items():
        slots_by_pool.setdefault(id(pool), []).append(slot)
    fill: dict[str, str] = {}
    for slots in slots_by_pool.values():
        fill.update(zip(slots, rng.sample(list(scene.slots[slots[0]]), len(slots)), strict=True))
    for group in scene.ordered:
        pool = scene.slots[group[0]]
        fill.update(zip(group, sorted((fill[slot] for slot in group), key=pool.index), strict=True))
    for names, combinations in scene.tied.items():
        fill.update(zip(names, rng.choice(combinations), strict=True))
    return fill


def fill_identity(scene: Scene, outcome: Outcome, fill: Mapping[str, str]) -> FillIdentity:
    """Name the story a fill tells, regardless of how it is worded.

    Args:
        scene: The scene.
        outcome: Its outcome.
        fill: The slot values.

    Returns:
        The identity. Values that no summary of the outcome can state are left out, so rows that differ only in small talk
        count as the same story.
    """
    stated = sorted({name for summary in outcome.summaries for name in _slot_names(summary)})
    return scene.key, outcome.key, tuple((name, fill[name]) for name in stated)


def render_row(scene: Scene, outcome: Outcome, fill: Mapping[str, str], rng: random.Random) -> Row:
    """Word one filled scene.

    Args:
        scene: The scene.
        outcome: The outcome to tell.
        fill: The slot values.
        rng: Source of randomness for wordings and optional steps.

    Returns:
        The row.
    """
    turns: list[tuple[str, str]] = []
    for role, wording in _spoken((*scene.opening, *outcome.steps, *scene.closing), rng):
        if turns and turns[-1][0] == role:
            turns[-1] = (role, f"{turns[-1][1]} {wording}")
        else:
            turns.append((role, wording))
    # The first voice heard is #Person1#, whatever its role, as in DialogSum.
    tags = {role: f"#Person{number}#" for number, role in enumerate(dict.fromkeys(role for role, _ in turns), start=1)}
    summary = rng.choice(outcome.summaries)
    return Row(
        dialogue="\n".join(f"{tags[role]}: {_fill_template(text, fill)}" for role, text in turns),
        summary=_fill_template(summary, {**fill, **tags}),
        topic=_fill_template(rng.choice(scene.topics), fill),
        scene=scene.key,
        identity=fill_identity(scene, outcome, fill),
        facts=tuple(fill[name] for name in _slot_names(summary)),
    )


def _spoken(steps: Iterable[Step], rng: random.Random) -> Iterator[tuple[str, str]]:
    for step in steps:
        if isinstance(step, Maybe):
            if rng.random() < step.chance:
                yield from _spoken(step.steps, rng)
        else:
            yield step.role, rng.choice(step.wordings)


def _slot_names(template: str) -> list[str]:
    return [match[1] for match in _FIELD.finditer(template) if match[1] not in _ROLES]


def _fill_template(template: str, values: Mapping[str, str]) -> str:
    def replace(match: re.Match[str]) -> str:
        value = values[match[1]]
        return with_particle(value, match[2]) if match[2] else value

    return _FIELD.sub(replace, template)
