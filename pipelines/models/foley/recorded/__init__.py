"""Kinds of sound that are played from recordings, under the traits and times of all kinds.

`takes` reads the files, `playing` plays them, `kinds` lists what is played how.
`python -m training.sound_takes` makes the files from packages; NOTICE names who recorded them.
"""
