from collections.abc import Iterable

HOST_LIMIT: int
NETWORK_LIMIT: int

def merge(networks: Iterable[tuple[int, int, int]], family: int) -> list[tuple[int, int]]: ...

class Prefixes:
    ipv4_hosts: int
    ipv4_ranges: list[tuple[int, int]]
    ipv6_ranges: list[tuple[int, int]]
    def __init__(self, networks: Iterable[tuple[int, int, int]]) -> None: ...
    def find(self, family: int, address: int) -> int | None: ...
    def address(self, host: int) -> int | None: ...
