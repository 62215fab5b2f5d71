"""Alembic migrations, run by `Database.migrate`. A test compares what they make with the models."""
