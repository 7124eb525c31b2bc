"""ARPG's decoding as an env: how many tokens, and which, next."""
