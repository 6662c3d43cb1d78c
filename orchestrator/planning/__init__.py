"""Deciding, pure: a sweep file becomes a plan, a log becomes a state, a state becomes decisions. Nothing here does."""
