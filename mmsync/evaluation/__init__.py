"""Probes and metrics on frozen features and on scores."""
