"""The encoders that are compared: what they are called, and the work that they ask for."""

from dataclasses import dataclass, field, replace


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
    model_type: str = ""  # of another architecture than these two, as transformers calls it
    settings: dict = field(default_factory=dict)  # of its configuration

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


def base(model_type, intermediate=3072, layers=12, **settings):
    """Of the size of BERT-base."""
    linear = 2 * (4 * 768 * 768 + (3 if intermediate < 3072 else 2) * 768 * intermediate)
    return Shape(
        model_type, 768, intermediate, 12, layers, False, linear * layers, 4 * 768 * layers, model_type, settings
    )


DEBERTA_V3 = {
    "relative_attention": True,
    "position_buckets": 256,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "type_vocab_size": 0,
}

# Run when they are asked for by name.
ARCHITECTURES = {
    "roberta": base("roberta", max_position_embeddings=514, type_vocab_size=1, pad_token_id=0),
    "electra": base("electra", embedding_size=768),
    "albert": base("albert", embedding_size=128, hidden_act="gelu_new"),
    "mpnet": base("mpnet", max_position_embeddings=514),
    "modernbert": base(
        "modernbert", 1152, 22, pad_token_id=0, bos_token_id=101, eos_token_id=102, cls_token_id=101, sep_token_id=102
    ),
    "deberta-v3": base("deberta-v2", **DEBERTA_V3),
    "gpt2": base("gpt2", pad_token_id=0, bos_token_id=None, eos_token_id=None),
}

ALL = {
    "distilbert": Shape("distilbert", 768, 3072, 12, 6, False, 84.9e6, 18.4e3),
    "minilm": Shape("minilm", 384, 1536, 12, 6, True, 21.2e6, 9.2e3),
}

DEFAULT = ["distilbert", "minilm"]
ALL |= ARCHITECTURES
