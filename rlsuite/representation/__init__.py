"""Reward-induced representations: moving sprites, encoders trained to predict rewards, and their files."""

from rlsuite.representation.encoder import Encoder, EncoderConfig
from rlsuite.representation.loading import load_encoder, save_encoder

__all__ = ["Encoder", "EncoderConfig", "load_encoder", "save_encoder"]
