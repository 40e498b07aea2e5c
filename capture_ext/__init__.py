"""Capture and counting, in Cython: frames in; totals, rates, crossings and audit packets out."""
