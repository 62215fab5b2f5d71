"""Batching by step against batching by request and none. See `benchmarks.batching.__main__`."""
