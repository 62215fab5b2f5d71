"""The commands of `bernie`, by what they are about."""
