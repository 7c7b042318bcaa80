"""The biometric engine: pictures in, verdicts out. No Django, no torch, no network, no disk writes."""
