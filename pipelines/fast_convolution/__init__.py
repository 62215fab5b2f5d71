"""Convolutions over time with fewer multiplications, compiled for the processor at hand."""
