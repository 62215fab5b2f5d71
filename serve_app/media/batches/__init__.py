"""Batches: accepted as a whole, made into clips a window at a time, followed to their end.

A feeder (`serve_app.bulk`) holds the lease of a batch and turns its lines into clips. The cursor
moves in the transaction that inserts the clips, so a feeder that dies at any point has inserted a
line once or not at all. Lock order: a clip, its user, its batch.
"""
