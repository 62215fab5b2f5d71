"""Sound effects by rule: a description finds its kinds of sound, and each is computed afresh.

No network makes the sounds. What a small one could learn on a laptop is at best the rules that its
training data were made by, so the rules are what runs; a sentence encoder finds the ones meant.
"""
