"""What every Python process of Ray does before anything else.

This folder is put in front of `PYTHONPATH` (`ray_environment.py`), so that the interpreter finds
its `sitecustomize`, which it imports as it starts.
"""
