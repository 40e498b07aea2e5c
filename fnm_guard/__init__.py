"""fnm-guard: counts every packet, sees a flood, announces the victim to the upstream."""
