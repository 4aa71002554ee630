"""What an apply would do: a pure comparison of what is stored with what is wanted."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from vantage.monitors_file.entry import whole
from vantage.store.monitors import Definition


@dataclass(frozen=True, slots=True)
class Change:
    """One key of a monitor, before and after, in the file's words; None = absent."""

    key: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done; `stays` are the stored monitors that no file names and that are not pruned."""

    create: tuple[Definition, ...] = ()
    revive: frozenset[str] = frozenset()  # of `create`: those that were deleted and keep their history
    update: tuple[tuple[Definition, tuple[Change, ...]], ...] = ()
    unchanged: tuple[str, ...] = ()
    prune: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()

    @property
    def has_changes(self) -> bool:
        """Whether applying it would do anything."""
        return bool(self.create or self.update or self.prune)


def plan(
    current: Iterable[Definition],
    wanted: Iterable[Definition],
    *,
    unnamed: Collection[str] = (),
    deleted: Collection[str] = (),
    prune: bool = False,
) -> Plan:
    """Compare by slug. `unnamed`: living slugs that are not wanted; `deleted`: wanted ones that were deleted once."""
    stored = {definition.slug: definition for definition in current}
    wanted = sorted(wanted, key=lambda definition: definition.slug)
    create = tuple(definition for definition in wanted if definition.slug not in stored)
    compared = [(new, tuple(changes(stored[new.slug], new))) for new in wanted if new.slug in stored]
    return Plan(
        create=create,
        revive=frozenset(new.slug for new in create if new.slug in deleted),
        update=tuple((new, differences) for new, differences in compared if differences),
        unchanged=tuple(new.slug for new, differences in compared if not differences),
        prune=tuple(sorted(unnamed)) if prune else (),
        stays=() if prune else tuple(sorted(unnamed)),
    )


def changes(before: Definition, after: Definition) -> Iterator[Change]:
    """The keys in which two definitions differ, in the file's words and order."""
    old, new = whole(before), whole(after)
    for key in dict.fromkeys([*old, *new]):
        if old.get(key) != new.get(key):
            yield Change(key, old.get(key), new.get(key))
