"""What is done with the gradients of several variations."""
