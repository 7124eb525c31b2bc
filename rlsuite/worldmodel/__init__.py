"""World models: vision that codes observations, memory that foresees codes, planning and imagined envs on top."""
