"""The little that the values do by themselves."""

from dataclasses import FrozenInstanceError

import pytest

from core.make import attack, ban
from fnm_guard.core.model import Metric, Rates, Thresholds
from fnm_guard.core.policy import BanPolicy


def test_thresholds_give_those_that_are_set() -> None:
    """A metric without a threshold is not watched."""
    assert list(Thresholds(mbps=100, pps=5).items()) == [(Metric.PPS, 5), (Metric.MBPS, 100)]


def test_a_group_stands_over_its_default() -> None:
    """What the group did not set is taken from the default, zero being set."""
    merged = Thresholds(pps=0, flows=7).over(Thresholds(pps=5, mbps=100))
    assert merged == Thresholds(pps=0, mbps=100, flows=7)


def test_rates_in_the_unit_of_the_metric() -> None:
    """Bandwidth is compared in 10**6 bit/s, all else as it is."""
    rates = Rates(pps=10, bps=25e6, flows=3, udp_bps=5e6, syn_pps=2)
    metrics = (Metric.PPS, Metric.MBPS, Metric.FLOWS, Metric.UDP_MBPS, Metric.SYN_PPS, Metric.TCP_MBPS)
    assert [rates.of(metric) for metric in metrics] == [10, 25, 3, 5, 2, 0]


def test_values_are_frozen() -> None:
    """A value that left the core cannot be changed behind its back."""
    for value, name in ((attack(), "power"), (ban(), "expires"), (BanPolicy(), "mode")):
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, 0)


def test_policies_do_not_share_their_sets() -> None:
    """Two default policies have networks of their own."""
    assert BanPolicy().networks is not BanPolicy().networks
