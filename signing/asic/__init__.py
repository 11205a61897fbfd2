"""Signed containers: ASiC-E with one XAdES signature over every file in them (ETSI EN 319 162-1)."""
