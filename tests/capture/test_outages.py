"""What is told of interfaces that fail."""

import structlog

from fnm_guard.capture.outages import Outages


def test_one_outage_is_told_once() -> None:
    """Two threads that lose their interface make one line, and one when both have it again."""
    outages = Outages("af_packet eth3")
    with structlog.testing.capture_logs() as lines:
        outages.begin(1, "it went down")
        outages.begin(2, "it went down")
        outages.end(1)
    assert [(line["event"], line["source"], line["failure"]) for line in lines] == [
        ("source failed", "af_packet eth3", "it went down")
    ]
    with structlog.testing.capture_logs() as lines:
        outages.end(2)
        outages.end(2)
    assert [line["event"] for line in lines] == ["source runs again"]


def test_another_reason_is_told_too() -> None:
    """A thread that fails for a reason of its own is told of, and so is the next outage."""
    outages = Outages("af_packet eth3")
    with structlog.testing.capture_logs() as lines:
        outages.begin(1, "it went down")
        outages.begin(2, "no memory")
        outages.end(2)
        outages.end(1)
        outages.begin(1, "it went down")
    assert [line.get("failure") for line in lines] == ["it went down", "no memory", None, "it went down"]
