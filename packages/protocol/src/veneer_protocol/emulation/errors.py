"""What goes wrong where a feature is emulated."""

from veneer_protocol.errors import InvalidProviderResponseError


class NotAsAskedError(Exception):
    """What the model said is not what the request asks for."""

    def __init__(self, reason: str, detail: str = "") -> None:
        """Say why; a detail quotes what was said, and is for the model alone."""
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class EmulationError(InvalidProviderResponseError):
    """The model does not follow the instructions by which a feature is emulated."""

    code = "emulation_failed"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The model did not answer in the form that was asked for. {reason}")
