"""What watches learning and never changes it."""
