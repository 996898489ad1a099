"""A keyed catalogue: one line a concept, read by menus, forms, lists, specs and the manual."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from metadesk.errors import SpecProblem


class Keyed(Protocol):
    """Anything that has a key and a title can stand in a catalogue."""

    @property
    def key(self) -> str:
        """The name used in specs and on the command line."""
        ...

    @property
    def title(self) -> str:
        """The name a person reads."""
        ...


E = TypeVar("E", bound=Keyed)


class Catalogue(Generic[E]):
    """Entries by key, in the order in which they were entered."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._entries: dict[str, E] = {}

    def add(self, *entries: E) -> None:
        """Enter ``entries``; a key may be entered once."""
        for entry in entries:
            if entry.key in self._entries:
                raise ValueError(f"the catalogue of {self.what}s already has '{entry.key}'")
            self._entries[entry.key] = entry

    def __getitem__(self, key: str) -> E:
        if key in self._entries:
            return self._entries[key]
        import difflib  # only a wrong key needs it

        near = difflib.get_close_matches(key, self._entries, n=1, cutoff=0.5)
        hint = f" Did you mean '{near[0]}'?" if near else f" Known: {', '.join(self._entries)}."
        raise SpecProblem(f"There is no {self.what} '{key}'.{hint}")

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[E]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def keys(self) -> tuple[str, ...]:
        """All keys, in order."""
        return tuple(self._entries)
