"""World models: vision that codes observations, memory that predicts codes, planning and imagined envs on top."""
