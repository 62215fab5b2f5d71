"""Comparison of this project's models with recorded outputs of the reference implementations."""
