"""Time and memory beside what people would use instead."""
