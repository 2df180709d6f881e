"""From a model and its guide to the loss."""
