"""VAR: class-conditional images, scale by scale."""
