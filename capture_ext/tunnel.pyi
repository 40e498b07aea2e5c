TUNNELS: tuple[str, ...]
