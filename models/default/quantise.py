"""int8 weights: every 2-D tensor by rows, symmetric, one f32 scale a row."""

import torch

LARGEST = 127
CLIPS = (1.0, 0.98, 0.96, 0.94, 0.92, 0.9, 0.87, 0.84, 0.8, 0.75)


def quantise_rows(weight):
    """(int8 [rows, columns], f32 scale [rows]); per row the clip with the least squared error.

    A clip below 1 saturates the row's largest weights and spends the steps on the others.
    """
    largest = weight.abs().amax(dim=1).clamp(min=1e-12)
    best_error = torch.full_like(largest, float("inf"))
    best_scale = largest / LARGEST
    for clip in CLIPS:
        scale = largest * clip / LARGEST
        quantised = (weight / scale[:, None]).round().clamp(-LARGEST, LARGEST)
        error = (quantised * scale[:, None] - weight).square().sum(dim=1)
        better = error < best_error
        best_error = torch.where(better, error, best_error)
        best_scale = torch.where(better, scale, best_scale)
    quantised = (weight / best_scale[:, None]).round().clamp(-LARGEST, LARGEST).to(torch.int8)
    return quantised, best_scale


def quantise_state(state):
    """name -> tensor as stored: 2-D weights as I8 plus `<name>_scale`, everything else f32."""
    stored = {}
    for name, tensor in state.items():
        tensor = tensor.detach().float().contiguous()
        if tensor.dim() == 2:
            stored[name], stored[name + "_scale"] = quantise_rows(tensor)
        else:
            stored[name] = tensor
    return stored


def dequantise_state(stored):
    """The f32 weights that the stored ones stand for."""
    state = {}
    for name, tensor in stored.items():
        if name.endswith("_scale"):
            continue
        scale = stored.get(name + "_scale")
        state[name] = tensor if scale is None else tensor.float() * scale[:, None]
    return state
