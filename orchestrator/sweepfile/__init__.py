"""The sweep file's language: YAML with lines, messages with places, overrides, spaces, couplings, schema, lint."""
