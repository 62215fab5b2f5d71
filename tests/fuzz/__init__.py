"""Inputs that are out to do harm, made from a seed: `python -m tests.fuzz` runs many, the tests a
few. Each case has a number, and comes out the same whenever that number is asked for."""
