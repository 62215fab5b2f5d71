"""How the small models that ship were trained. Not needed at run time."""
