"""How every kind of sound is made, from noise, tones, resonances and events in time.

Each is a function of a seeded generator and a few traits (speed, pitch, intensity), in numpy alone.
`catalogue.SOUNDS` lists them; `rendering.render` makes one.
"""
