"""Signed XML: what stands before the gate, and one module per binding."""
