"""Trainers: a policy, tasks and rewards in, an adapter and its logs out."""
