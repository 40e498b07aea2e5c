"""The only user of pyroute2: interfaces and addresses of this machine."""
