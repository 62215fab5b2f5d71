"""The small model of sound effects that ships: Make-An-Audio at reduced widths."""
