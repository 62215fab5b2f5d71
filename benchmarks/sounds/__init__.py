"""What Foley can do, against what is asked of it."""
