"""Bulk generation: a manifest of lines, and a folder of audio and results."""
