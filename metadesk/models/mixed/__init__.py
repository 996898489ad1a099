"""Participant-level models: crossover and N-of-1 trials from their rows."""
