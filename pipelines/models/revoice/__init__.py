"""Voice conversion to the voices that ship, small enough for a laptop.

The content comes from the encoder of Whisper (base), the pitch from FCPE; a small head turns the
first into what the decoder of Kokoro speaks, which then speaks it in the voice of a voice pack.
"""
