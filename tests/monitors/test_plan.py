"""The plan: current x wanted, pure."""

from dataclasses import replace

from vantage.monitors_file.entry import definition
from vantage.monitors_file.model import MonitorItem
from vantage.monitors_file.plan import plan

A = definition(MonitorItem(name="A", url="https://a.example.com/"))
B = definition(MonitorItem(name="B", url="https://b.example.com/"))
C = definition(MonitorItem(name="C", url="https://c.example.com/"))


def test_what_is_not_there_is_created() -> None:
    """In the order of slugs, whatever the files' order."""
    assert plan([], [B, A]).create == (A, B)


def test_what_is_the_same_is_unchanged() -> None:
    """Then there is nothing to do."""
    todo = plan([A, B], [B, A])

    assert (todo.unchanged, todo.has_changes) == (("a", "b"), False)


def test_a_change_names_each_key_in_the_file_s_words() -> None:
    """With what it was and what it will be, defaults included."""
    wanted = replace(A, interval_s=300, regions=["EU"], spec={"url": A.spec["url"], "method": "HEAD"}, enabled=False)

    [(new, changes)] = plan([A], [wanted]).update

    assert new == wanted
    assert {(change.key, str(change.before), str(change.after)) for change in changes} == {
        ("interval", "1m", "5m"),
        ("regions", "None", "['EU']"),
        ("method", "GET", "HEAD"),
        ("enabled", "True", "False"),
    }


def test_what_no_file_names_stays() -> None:
    """Nothing is deleted unless that is asked for."""
    todo = plan([A], [A], unnamed=["c", "b"])

    assert (todo.stays, todo.prune, todo.has_changes) == (("b", "c"), (), False)


def test_prune_deletes_what_no_file_names() -> None:
    """And then it is a change."""
    todo = plan([A], [A], unnamed=["c", "b"], prune=True)

    assert (todo.stays, todo.prune, todo.has_changes) == ((), ("b", "c"), True)


def test_a_deleted_slug_that_comes_back_is_told_as_such() -> None:
    """Its history is kept, which a user should know."""
    todo = plan([A], [A, B, C], deleted=["c"])

    assert [new.slug for new in todo.create] == ["b", "c"]
    assert todo.revive == {"c"}
