"""A model that is sharded over several workers (fsdp), as a whole one: for evaluating, and for the best model.

Every worker takes part in gathering it, and rank 0 alone has it then, on its own device: a model whose bare weights don't fit into one GPU
can't be evaluated. It must not know how it was sharded: accelerate did that, and puts the pieces together.
"""

from __future__ import annotations

from typing import Any

OPTIMIZER_FILE, WEIGHTS_FILE = "optimizer.bin", "pytorch_model_fsdp.bin"
"""accelerate's own, beside model.safetensors: what it resumes from."""


def whole_weights(trainer: Any) -> dict[str, Any]:
    """All weights, in the CPU's memory of rank 0; the other workers get nothing, and have to ask all the same."""
    weights: dict[str, Any] = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    return weights


def whole_model(trainer: Any, plain: type, *, first: bool) -> Any:
    """A plain model with the weights as they are now; None for all workers but the first.

    Args:
        trainer: whose model is sharded.
        plain: the model's class; torch puts another in its place.
        first: whether this is rank 0.
    """
    import torch

    weights = whole_weights(trainer)
    if not first:
        return None
    with torch.random.fork_rng():  # it begins with random weights, which must not cost the training's random numbers
        model = plain(trainer.model.config)
    model.load_state_dict(weights, strict=False)  # weights that are tied to others have no names of their own
    model.tie_weights()
    model.generation_config = trainer.model.generation_config
    return model.to(trainer.args.device)
