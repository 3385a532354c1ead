"""Fronts: ways into the engine over a network."""
