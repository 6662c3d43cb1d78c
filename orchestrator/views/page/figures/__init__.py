"""The pictures of the report page: from a scene to plain data, one question a module."""
