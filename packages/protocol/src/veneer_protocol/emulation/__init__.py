"""Tools and structured outputs for models that know neither."""
