"""What the families of generators share."""
