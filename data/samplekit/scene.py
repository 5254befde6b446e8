"""The vocabulary in which scenes are written: who says what, what may be left out, and how it can end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Say:
    """One turn (or part of one): a role and the wordings it may take."""

    role: str
    wordings: tuple[str, ...]


@dataclass(frozen=True)
class Maybe:
    """A run of steps that is spoken only with the given chance."""

    chance: float
    steps: tuple[Step, ...]


Step = Say | Maybe


@dataclass(frozen=True)
class Outcome:
    """One way a scene can end: the turns that lead there and the summaries that tell it."""

    key: str
    steps: tuple[Step, ...]
    summaries: tuple[str, ...]


@dataclass(frozen=True)
class Scene:
    """A kind of conversation.

    Attributes:
        key: Short English name, unique among all scenes.
        topics: Wordings of the topic column.
        slots: For each slot the pool its value is drawn from. Slots that share one pool object never share a value.
        outcomes: The ways the scene can end.
        opening: Steps before those of every outcome.
        closing: Steps after those of every outcome.
        tied: Groups of slots whose values only make sense together, with the allowed combinations.
        ordered: Groups of slots (sharing one pool) whose values must keep the order of that pool.
    """

    key: str
    topics: tuple[str, ...]
    slots: Mapping[str, Sequence[str]]
    outcomes: tuple[Outcome, ...]
    opening: tuple[Step, ...] = ()
    closing: tuple[Step, ...] = ()
    tied: Mapping[tuple[str, ...], Sequence[tuple[str, ...]]] = field(default_factory=dict)
    ordered: tuple[tuple[str, ...], ...] = ()


def say(role: str, *wordings: str) -> Say:
    """Let a role say one of several wordings.

    Args:
        role: ``"A"``, ``"B"`` or ``"C"``; numbered by order of speaking when the scene is rendered.
        *wordings: Templates with ``{slot}`` or ``{slot:particle}`` fields.

    Returns:
        The step.
    """
    return Say(role, wordings)


def maybe(chance: float, *steps: Step) -> Maybe:
    """Make steps optional.

    Args:
        chance: Probability that all of the steps are spoken.
        *steps: The steps.

    Returns:
        The optional block.
    """
    return Maybe(chance, steps)


def outcome(key: str, steps: Sequence[Step], summaries: Sequence[str]) -> Outcome:
    """Describe one ending of a scene.

    Args:
        key: Short English name, unique within the scene.
        steps: What is said between the scene's opening and its closing.
        summaries: Wordings of the summary; roles are fields too (``{A:은}``).

    Returns:
        The outcome.
    """
    return Outcome(key, tuple(steps), tuple(summaries))
