"""A small model of sound effects: Make-An-Audio's stages with networks trained in half an hour.

A description is told to the network as its kind of sound and the traits that its words name, both
found as Foley finds them; how these sound the network has learned. The stages and the sampler are
those of `pipelines.models.makeanaudio`.
"""
