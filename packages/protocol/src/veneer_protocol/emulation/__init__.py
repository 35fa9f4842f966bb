"""Tools and structured outputs for models that know neither; needs `veneer-protocol[emulation]`.

def adapter() -> EmulatingAdapter:
    return EmulatingAdapter(AcmeAdapter(), {Feature.TOOLS, Feature.JSON_SCHEMA}, repairs=True)
"""

from veneer_protocol.emulation.adapter import EmulatingAdapter
from veneer_protocol.emulation.errors import EmulationError

__all__ = ["EmulatingAdapter", "EmulationError"]
