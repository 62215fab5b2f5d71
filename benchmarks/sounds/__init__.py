"""What the small model of sounds can do, against its gates."""
