"""World models: vision encodes observations as codes, memory predicts codes; planning and imagined envs use both."""
