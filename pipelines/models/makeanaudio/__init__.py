"""Make-An-Audio: sound effects from a sentence.

Huang et al., "Make-An-Audio: Text-To-Audio Generation with Prompt-Enhanced Diffusion Models", 2023.
"""
