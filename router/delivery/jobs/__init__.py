"""Replays and retries of dead letters."""
