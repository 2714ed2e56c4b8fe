"""The two encoders that are compared: what they are called, and the work that they ask for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    name: str
    hidden: int
    intermediate: int
    heads: int
    layers: int
    token_types: bool
    flop_per_token: float  # linear layers, 1 multiply-add = 2 flop
    flop_per_pair: float  # attention: a pair of tokens of one text

    def gflop(self, sequences):
        """All layers over real tokens; norms, embeddings and the head (under 0.5 %) do not count."""
        tokens = sum(map(len, sequences))
        pairs = sum(len(sequence) ** 2 for sequence in sequences)
        return (self.flop_per_token * tokens + self.flop_per_pair * pairs) / 1e9


ALL = {
    "distilbert": Shape("distilbert", 768, 3072, 12, 6, False, 84.9e6, 18.4e3),
    "minilm": Shape("minilm", 384, 1536, 12, 6, True, 21.2e6, 9.2e3),
}
