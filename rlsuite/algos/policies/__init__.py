"""The policies algorithms learn, made from their settings."""
