"""May this be accepted? Pure: bytes and a desk in, a judgement or a refusal out."""
