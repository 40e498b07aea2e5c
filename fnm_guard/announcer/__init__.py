"""Routes as ExaBGP commands, the link to the bridge, the supervised ExaBGP."""
