"""The paths that the gateway serves, one module each."""
