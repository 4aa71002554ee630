"""What an apply would do: a pure comparison of what is stored with what is wanted."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from vantage.monitors_file.entry import whole
from vantage.store.channels import Channel
from vantage.store.maintenance import Maintenance
from vantage.store.monitors import Definition
from vantage.store.site import Site

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Change:
    """One key of a thing, before and after, in the file's words; None = absent."""

    key: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Part(Generic[Thing]):
    """What is to be done of one kind of things; `stays` are those that no file names and that are not pruned."""

    create: tuple[Thing, ...] = ()
    update: tuple[tuple[Thing, tuple[Change, ...]], ...] = ()
    unchanged: tuple[str, ...] = ()
    prune: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()

    @property
    def has_changes(self) -> bool:
        """Whether applying it would do anything."""
        return bool(self.create or self.update or self.prune)

    @property
    def changed(self) -> list[Thing]:
        """What is to be written."""
        return [*self.create, *(new for new, _ in self.update)]


@dataclass(frozen=True, slots=True)
class Plan(Part[Definition]):
    """What is to be done: of monitors, and of what else a file can hold.

    `revive`: of `create`, those that were deleted and keep their history.
    """

    revive: frozenset[str] = frozenset()
    channels: Part[Channel] = Part()
    maintenance: Part[Maintenance] = Part()
    status_page: Part[Site] = Part()

    @property
    def has_changes(self) -> bool:
        """Whether applying it would do anything."""
        others = self.channels.has_changes or self.maintenance.has_changes or self.status_page.has_changes
        return bool(self.create or self.update or self.prune) or others


def plan(
    current: Iterable[Definition],
    wanted: Iterable[Definition],
    *,
    unnamed: Collection[str] = (),
    deleted: Collection[str] = (),
    prune: bool = False,
    channels: Part[Channel] = Part(),
    maintenance: Part[Maintenance] = Part(),
) -> Plan:
    """Compare by slug. `unnamed`: living slugs that are not wanted; `deleted`: wanted ones that were deleted once."""
    new = {definition.slug: definition for definition in sorted(wanted, key=lambda definition: definition.slug)}
    part = compare({definition.slug: definition for definition in current}, new, whole, unnamed, prune=prune)
    return Plan(
        part.create,
        part.update,
        part.unchanged,
        part.prune,
        part.stays,
        frozenset(one.slug for one in part.create if one.slug in deleted),
        channels,
        maintenance,
    )


def compare(
    stored: Mapping[str, Thing],
    wanted: Mapping[str, Thing],
    in_words: Callable[[Thing], Mapping[str, Any]],
    unnamed: Collection[str],
    *,
    prune: bool,
) -> Part[Thing]:
    """Compare by identity, in the file's words. `unnamed`: stored ones that are not wanted."""
    compared = [
        (key, new, tuple(changes(in_words(stored[key]), in_words(new)))) for key, new in wanted.items() if key in stored
    ]
    return Part(
        create=tuple(new for key, new in wanted.items() if key not in stored),
        update=tuple((new, differences) for _, new, differences in compared if differences),
        unchanged=tuple(key for key, _, differences in compared if not differences),
        prune=tuple(sorted(unnamed)) if prune else (),
        stays=() if prune else tuple(sorted(unnamed)),
    )


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """The keys in which two things differ, in the file's words and order."""
    for key in dict.fromkeys([*old, *new]):
        if old.get(key) != new.get(key):
            yield Change(key, old.get(key), new.get(key))
