"""Reinforcement learning from verification feedback for small code language models."""
