"""Small torch modules: feature extractors and action distributions."""
