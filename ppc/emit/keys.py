"""Numbers that stand for names in emitted programs."""

from __future__ import annotations

import hashlib


def site_key(name: str) -> int:
    """32 bits that depend on a name alone: a new site does not change the draws of others."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
