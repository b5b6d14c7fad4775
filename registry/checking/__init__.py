"""A code is checked: steps, facts, verdict."""
