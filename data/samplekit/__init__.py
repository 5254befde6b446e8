"""Machinery behind the sample data, kept apart from the scenes so that a scene module holds nothing but dialogue."""
