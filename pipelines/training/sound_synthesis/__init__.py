"""Sounds made by rule, with captions: training data without recordings.

Every sound is a function of a seeded generator and a few traits (speed, pitch, intensity), in numpy
alone. `catalogue.SOUNDS` lists them; `scenes.draw` makes one with its caption.
"""
