"""Configurations of the guard in the lab."""

from typing import Any

from lab import topology
from lab.guard import MailSink

__all__ = ["LOCAL_AS", "PEER_AS", "mirror_settings", "router_settings"]

LOCAL_AS, PEER_AS = 64496, 64511


def mirror_settings(**more: Any) -> dict[str, Any]:
    """Give the settings of a guard on the mirror port, peering with the upstream over its management link."""
    return {
        "networks": [topology.NETWORK, topology.NETWORK6],
        "never_ban": ["203.0.113.1/32"],
        "capture": [{"source": "af_packet", "interfaces": ["mirror0"]}],
        "detection": {"thresholds": {"incoming": {"pps": 20_000}, "outgoing": {"pps": 20_000}}},
        "ban": {"duration": "30m"},
        "bgp": _bgp(topology.UPSTREAM, topology.GUARD),
        "notify": {
            "mail": {
                "server": "127.0.0.1",
                "port": MailSink.PORT,
                "from": "guard@example.net",
                "to": ["noc@example.net"],
            }
        },
        **more,
    }


def router_settings(interfaces: list[str], **more: Any) -> dict[str, Any]:
    """Give the settings of a guard on the router itself."""
    settings = mirror_settings(
        capture=[{"source": "af_packet", "interfaces": interfaces}],
        bgp=_bgp(topology.UPSTREAM_TO_ROUTER, "198.51.100.130"),
    )
    return {**settings, **more}


def _bgp(peer: str, local: str) -> dict[str, Any]:
    return {
        "local_as": LOCAL_AS,
        "router_id": local,
        "peers": {
            "upstream": {
                "address": peer,
                "as": PEER_AS,
                "local_address": local,
                "communities": ["65535:666"],
                "next_hop": {"ipv4": "192.0.2.1", "ipv6": "100::1"},
            }
        },
    }
