"""Carriers: ways to hide the heat map of a frame in its pixels."""
