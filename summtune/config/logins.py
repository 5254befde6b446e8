"""Keys that a person's own tools have left in files: `wandb login` and `hf auth login`. It must not know what they are for."""

from __future__ import annotations

import netrc
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

_WANDB = "https://api.wandb.ai"


def wandb_key(environ: Mapping[str, str]) -> str | None:
    """The key for W&B's server, or for the person's own (WANDB_BASE_URL): WANDB_API_KEY, else what `wandb login` wrote."""
    if key := environ.get("WANDB_API_KEY"):
        return key
    server = urlsplit(environ.get("WANDB_BASE_URL") or _WANDB).hostname
    try:
        found = netrc.netrc(environ.get("NETRC") or Path.home() / ".netrc").authenticators(server or "")
    except (OSError, netrc.NetrcParseError):
        return None
    return found[2] if found is not None else None


def hub_token() -> str | None:
    """The hub's token, as transformers finds it: HF_TOKEN, else what `hf auth login` wrote."""
    from huggingface_hub import get_token

    return get_token()
