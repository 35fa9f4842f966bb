"""The tests that every adapter passes; install `veneer-protocol[conformance]` for them.

A whole test file:

    import pytest
    from veneer_protocol.conformance import AdapterConformance
    from veneer_providers_acme import AcmeAdapter


    class TestAcmeAdapter(AdapterConformance):
        @pytest.fixture
        def adapter(self):
            return AcmeAdapter()
"""

from veneer_protocol.conformance.suite import AdapterConformance

__all__ = ["AdapterConformance"]
