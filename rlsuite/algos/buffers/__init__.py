"""Where experience is kept, each sample with its variation."""
