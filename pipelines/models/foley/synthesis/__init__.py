"""How every kind of sound is made, from noise, tones, resonances and events in time.

Each is a function of a seeded generator and a few traits (speed, pitch, intensity), in numpy alone.
`rendering.render` makes one; the catalogue beside this package lists them.
"""
