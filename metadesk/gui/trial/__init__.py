"""The left side for sheets of trial rows."""
