"""What a description says besides naming sounds: counts, negation, order, course, level, language.

Everything here works on text alone and imports neither torch nor NumPy.
"""
