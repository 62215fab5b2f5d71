"""Audio models as three-stage pipelines. No Ray, no web framework, no database in here."""
