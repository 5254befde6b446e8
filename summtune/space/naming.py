"""From the name that a person wrote to the dotted key that is meant.

A name is a dotted path, the last part of one where that is unambiguous, or an alias. Which keys there are it must not know (`config` does).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property


class Unfit(Exception):
    """A name, or a value for a key, that can't be; whoever knows where it stands makes a Problem of it."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        self.reason = reason
        self.remedy = remedy
        super().__init__(f"{reason} {remedy}".strip())

    def __reduce__(self) -> tuple[type[Unfit], tuple[str, str]]:
        return type(self), (self.reason, self.remedy)


class Unknown(Unfit):
    """A name that no setting has."""


@dataclass(frozen=True)
class Vocabulary:
    """All keys that may be named.

    Attributes:
        keys: dotted keys, in the order of the documentation.
        aliases: other names, to dotted keys.
        lesser: keys that go by their last part only where none of `keys` does (transformers' own arguments).
        customary: what people call keys elsewhere, where letters alone don't lead to them: suggested, not taken.
        open_keys: keys below which any name may follow (`model.config_overrides`).
    """

    keys: tuple[str, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    lesser: tuple[str, ...] = ()
    open_keys: tuple[str, ...] = ()
    customary: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def by_last_part(self) -> dict[str, list[str]]:
        """The keys that end in each last part; where there are several it is ambiguous."""
        named: dict[str, list[str]] = {}
        for key in self.keys:
            named.setdefault(key.rpartition(".")[2], []).append(key)
        for key in self.lesser:
            last = key.rpartition(".")[2]
            if last not in named:
                named[last] = [key]
        return named

    @cached_property
    def _all(self) -> frozenset[str]:
        return frozenset(self.keys) | frozenset(self.lesser)

    @cached_property
    def sections(self) -> tuple[str, ...]:
        """First parts of the keys, in order."""
        return tuple(dict.fromkeys(key.partition(".")[0] for key in self.keys))

    def knows(self, key: str) -> bool:
        """Whether a dotted key exists."""
        return key in self._all or any(key.startswith(f"{open_key}.") for open_key in self.open_keys)

    def meaning(self, name: str) -> str | None:
        """The dotted key that a name means; None where there is none, or several."""
        try:
            return self.resolve(name)
        except Unfit:
            return None

    def resolve(self, name: str) -> str:
        """The dotted key that a name means.

        Raises:
            Unknown: there is none.
            Unfit: there are several.
        """
        if name in self.aliases:
            return self.aliases[name]
        if self.knows(name):
            return name
        candidates = [] if "." in name else self.by_last_part.get(name, [])
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            raise Unfit(f"{name} is ambiguous.", f"Write {_either(candidates)}.")
        raise Unknown(f"there is no setting {name!r}.", self.suggestion(name))

    def suggestion(self, name: str) -> str:
        """`Did you mean …?` with the section that the key belongs in, or what to look at."""
        section, _, last = name.rpartition(".")
        whole = self.meaning(section) if section else None
        if whole is not None and whole not in self.open_keys:
            return f"{whole} is given as a whole: `{{{last}: …}}` where it takes a mapping."
        for above in self.by_last_part.get(section, []):
            if above in self.open_keys:
                return f"Did you mean {above}.{last}?"
        meant = self.aliases.get(last) or self.customary.get(last)
        homes = [key for key in self.by_last_part.get(last, []) if key != name]
        if meant is not None and (not homes or meant.startswith(f"{section}.")):
            return f"Did you mean {meant}?"
        if homes:
            return f"Did you mean {_either(homes)}?"
        here = {key.rpartition(".")[2]: key for key in (*self.keys, *self.lesser) if section and key.startswith(f"{section}.")}
        anywhere = {**{last_part: keys[0] for last_part, keys in self.by_last_part.items()}, **self.aliases}
        for known in (here, anywhere):
            begun = [name for name in known if len(last) >= 4 and name.startswith(f"{last.lower()}_")]
            close = begun or get_close_matches(last.lower(), known, n=1, cutoff=0.7)
            if close:
                return f"Did you mean {known[close[0]]}?"
        if section and section not in self.sections:
            return f"The sections are {', '.join(self.sections)}."
        return (
            "`summtune validate --resolved` lists all settings."
            if not here
            else f"{section} has {', '.join(here) if len(here) < 25 else 'no such key'}."
        )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`Did you mean …?`, or all that there is where nothing is close."""
    names = list(known)
    longer = [known_name for known_name in names if len(name) >= 3 and known_name.startswith(name.lower())]
    close = get_close_matches(name.lower(), names, n=1, cutoff=0.6) or longer
    return f"Did you mean {close[0]}?" if close else f"There {'is' if len(names) == 1 else 'are'} {', '.join(names)}."


def _either(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
