"""Trains policies: from a policy, tasks and rewards it makes an adapter and its logs."""
