"""A small model of sound effects: Make-An-Audio's stages with networks trained in half an hour.

The condition of the network is the kind of sound and the traits that the description names, both
found as Foley finds them; how these sound the network has learned. The stages and the sampler are
those of `pipelines.models.makeanaudio`.
"""
