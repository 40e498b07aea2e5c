#!/usr/bin/env python3
"""Relay between ExaBGP and the daemon: standard library only."""
