"""Submitting, watching and stopping runs on a Ray cluster will live here; so far `summtune run` joins one that RAY_ADDRESS names."""
