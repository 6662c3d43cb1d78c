"""The user's folder: the sweep file and what it names, where a sweep comes from, what was sent off from here."""
