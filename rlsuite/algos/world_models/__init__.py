"""What the algorithms that learn a model of the env are made of."""
