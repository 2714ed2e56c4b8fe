"""The two encoders that are compared: what they are called, and the work that they ask for."""

from dataclasses import dataclass, replace


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

    def gflop_of_first_tokens(self, sequences):
        """What is left when the last layer computes only what each text's first token needs, which is all that the
        label depends on: there, keys and values of every token, and the rest of the layer for one row."""
        saved = 0.0
        one_row = 4 * self.hidden * (self.hidden + self.intermediate)  # query, output, feed-forward
        for length in map(len, sequences):
            saved += one_row * (length - 1) + 4 * self.hidden * (length * length - length)
        return self.gflop(sequences) - saved / 1e9

    def with_layers(self, layers):
        share = layers / self.layers
        return replace(
            self,
            layers=layers,
            flop_per_token=self.flop_per_token * share,
            flop_per_pair=self.flop_per_pair * share,
        )


ALL = {
    "distilbert": Shape("distilbert", 768, 3072, 12, 6, False, 84.9e6, 18.4e3),
    "minilm": Shape("minilm", 384, 1536, 12, 6, True, 21.2e6, 9.2e3),
}
