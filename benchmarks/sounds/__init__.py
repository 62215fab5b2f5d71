"""What the small models of sound effects can do, against what is asked of them."""
