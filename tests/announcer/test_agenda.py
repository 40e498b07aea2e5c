"""What is still to be said, in groups."""

from netaddr import IPNetwork

from announcer.stage import route
from fnm_guard.announcer.agenda import Agenda

HOSTS = [f"203.0.113.{n}/32" for n in range(5)]


def test_routes_of_the_same_attributes_go_together() -> None:
    """A group holds routes of one set of attributes, as many as asked for, sorted by prefix; then the next group."""
    agenda = Agenda()
    for host in (HOSTS[2], HOSTS[0]):
        agenda.put(route(host), "a", alone=False)
    agenda.put(route(HOSTS[1]), "b", alone=False)
    agenda.put(route(HOSTS[4]), "a", alone=False)
    assert len(agenda) == 4
    assert agenda.take(2) == ("a", (route(HOSTS[0]), route(HOSTS[2])))
    assert agenda.take(2) == ("a", (route(HOSTS[4]),))
    assert agenda.take(2) == ("b", (route(HOSTS[1]),))
    assert (agenda.take(2), len(agenda)) == (("", ()), 0)


def test_one_that_is_to_be_alone_is() -> None:
    """A suspect has a command of its own."""
    agenda = Agenda()
    for host in HOSTS[:2]:
        agenda.put(route(host), "a", alone=True)
    assert [agenda.take(100)[1] for _ in range(2)] == [(route(host),) for host in HOSTS[:2]]


def test_a_prefix_stands_once() -> None:
    """A later word about a prefix replaces the earlier one; one that is taken back is gone."""
    agenda = Agenda()
    agenda.put(route(HOSTS[0], "65535:666"), "a", alone=False)
    agenda.put(route(HOSTS[0], "64500:1"), "b", alone=False)
    agenda.put(route(HOSTS[1]), "b", alone=False)
    agenda.discard(IPNetwork(HOSTS[1]))
    agenda.discard(IPNetwork(HOSTS[1]))
    assert agenda.take(100) == ("b", (route(HOSTS[0], "64500:1"),))
    agenda.put(route(HOSTS[0]), "a", alone=False)
    agenda.clear()
    assert agenda.take(100) == ("", ())


def test_nothing_is_given_when_nothing_is_asked_for() -> None:
    """Without room no route leaves the agenda."""
    agenda = Agenda()
    agenda.put(route(HOSTS[0]), "a", alone=False)
    assert agenda.take(-1) == ("a", ())
    assert len(agenda) == 1
