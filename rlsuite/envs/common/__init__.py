"""What several envs share."""
