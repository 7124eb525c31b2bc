"""From a command line to a checked config, and from a node to an object: all that speaks to Hydra."""
