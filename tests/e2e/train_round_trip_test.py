"""Models trained by valence in transformers and peft, and what those save in valence again: the same logits."""
import contextlib
import csv
import io
import json
import random
import unittest
import warnings

from support import InTemporaryFolder, VOCABULARY, has, lines, valence

PACKAGES = ("torch", "transformers", "peft", "tokenizers")
PARITY = 1e-4  # of logits, the bar
TEXTS = ["good", "the bad not goodly !", "a b c d e f g h i j k l m n o p q r s t u v w x y z . good bad", "not a bad c"]
SIZES = {"vocab_size": len(VOCABULARY), "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
DEBERTA = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
           "relative_attention": True, "position_buckets": 8, "norm_rel_ebd": "layer_norm", "share_att_key": True,
           "pos_att_type": ["p2c", "c2p"], "position_biased_input": False, "type_vocab_size": 0}
# model_type (and what is special after a plus sign) -> its sizes, and the modules of an adapter (None: the usual ones).
ARCHITECTURES = {
    "bert": ({"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}, None),
    "distilbert": ({"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64}, None),
    "roberta": ({"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}, None),
    "modernbert": ({"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 48,
                    "local_attention": 16, "cls_token_id": 2, "sep_token_id": 3}, "Wqkv,Wi,attn.Wo"),
    "deberta-v2": (DEBERTA, None),
    "deberta-v2+convolution": (DEBERTA | {"conv_kernel_size": 3}, None),
    "gpt2": ({"n_embd": 32, "n_layer": 2, "n_head": 2, "n_inner": 64, "n_positions": 128}, "c_attn,c_fc"),
}


def rows(count):
    generator = random.Random(3)
    for index in range(count):
        words = [generator.choice(["the", "a", "not", ".", "b", "c", "d"]) for _ in range(generator.randint(2, 12))]
        words[generator.randrange(len(words))] = ("bad", "good")[index % 2]
        yield " ".join(words), ("negative", "positive")[index % 2]


@unittest.skipUnless(has(*PACKAGES), f"{', '.join(PACKAGES)} are not all installed")
class RoundTrip(InTemporaryFolder):
    def setUp(self):
        super().setUp()
        import torch
        import transformers
        torch.manual_seed(5)
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        self.data = self.folder / "train.csv"
        with open(self.data, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *rows(80)])

    def base(self, model_type, head=True):
        """A directory as transformers saves it, with random weights that are large enough to matter."""
        import torch
        import transformers
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
        settings = dict(SIZES, **ARCHITECTURES[model_type][0])
        if head:
            settings.update(id2label={0: "negative", 1: "positive"}, label2id={"negative": 0, "positive": 1})
        config = transformers.AutoConfig.for_model(model_type.partition("+")[0], **settings)
        auto = transformers.AutoModelForSequenceClassification if head else transformers.AutoModel
        model = auto.from_config(config)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() == 2:
                    parameter.normal_(0.0, 0.2)
        folder = self.folder / f"{model_type}-base"
        model.save_pretrained(folder)
        tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(VOCABULARY)}, unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
        self.ids = [tokenizer.encode(text).ids for text in TEXTS]
        tokenizer.save(str(folder / "tokenizer.json"))
        (folder / "tokenizer_config.json").write_text(json.dumps({
            "tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "unk_token": "[UNK]",
            "cls_token": "[CLS]", "sep_token": "[SEP]"}))
        return folder

    def train(self, base, name, *options):
        out = self.folder / name
        result = valence("train", self.data, "-m", base, "--output-dir", out, "--num-train-epochs", "2", "--learning-rate",
                         "5e-3", "--seed", "1", *options)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        return out

    def here(self, model, *options):
        texts = [word for text in TEXTS for word in ("-t", text)]
        result = valence("classify", "-m", model, *options, "--precision", "fp32", "--function", "none", "--top-k", "all",
                         "-f", "jsonl", *texts)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        return [{score["label"]: score["score"] for score in line["scores"]} for line in lines(result)]

    def there(self, model):
        import torch
        model.eval()
        found = []
        with torch.no_grad():
            for ids in self.ids:
                logits = model(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long))
                found.append({model.config.id2label[i]: value for i, value in enumerate(logits.logits[0].tolist())})
        return found

    def load(self, folder):
        """Loads it and holds that nothing was missing or left over."""
        import transformers
        model, info = transformers.AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
        for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            self.assertFalse(info[kind], kind)
        return model

    def assert_same(self, found, expected):
        for one, other in zip(found, expected, strict=True):
            self.assertEqual(one.keys(), other.keys())
            for label, value in other.items():
                self.assertAlmostEqual(one[label], value, delta=PARITY)

    def assert_differs(self, found, other):
        worst = max(abs(one[label] - two[label]) for one, two in zip(found, other) for label in one)
        self.assertGreater(worst, 100 * PARITY, "training changed nothing that could be compared")

    def test_directories_load_in_transformers_and_what_it_saves_loads_here(self):
        for model_type in ARCHITECTURES:
            base = self.base(model_type)
            for method in ("full", "head"):
                with self.subTest(model_type=model_type, method=method):
                    out = self.train(base, f"{model_type}-{method}", "--method", method)
                    expected = self.here(out)
                    self.assert_differs(expected, self.here(base))
                    model = self.load(out)
                    self.assert_same(self.there(model), expected)
                    model.save_pretrained(out / "again")
                    (out / "again" / "tokenizer.json").write_bytes((out / "tokenizer.json").read_bytes())
                    self.assert_same(self.here(out / "again"), expected)

    def test_bases_without_a_head_become_whole_models(self):
        for model_type in ("bert", "modernbert", "deberta-v2", "gpt2"):
            with self.subTest(model_type=model_type):
                out = self.train(self.base(model_type, head=False), f"{model_type}-new")
                self.assert_same(self.there(self.load(out)), self.here(out))

    def test_adapters_load_in_peft_and_what_it_saves_loads_here(self):
        import peft
        for model_type, (_, modules) in ARCHITECTURES.items():
            with self.subTest(model_type=model_type):
                base = self.base(model_type)
                options = ["--method", "lora", "--r", "4", "--lora-alpha", "8", "--lora-dropout", "0.1"]
                out = self.train(base, f"{model_type}-lora", *options,
                                 *(["--target-modules", modules] if modules else []))
                expected = self.here(base, "--adapter", out)
                self.assert_differs(expected, self.here(base))
                said = io.StringIO()
                with contextlib.redirect_stderr(said):
                    model = peft.PeftModel.from_pretrained(self.load(base), out)
                self.assertNotIn("missing", said.getvalue())
                self.assert_same(self.there(model), expected)
                model.save_pretrained(out / "again")
                self.assert_same(self.here(base, "--adapter", out / "again"), expected)
                merged = self.folder / f"{model_type}-merged"
                model.merge_and_unload().save_pretrained(merged)
                (merged / "tokenizer.json").write_bytes((base / "tokenizer.json").read_bytes())
                self.assert_same(self.here(merged), expected)

    def test_adapters_over_a_base_without_a_head_bring_it(self):
        import peft
        import transformers
        for model_type in ("bert", "modernbert"):
            with self.subTest(model_type=model_type):
                base = self.base(model_type, head=False)
                out = self.train(base, f"{model_type}-new-lora", "--method", "lora", "--r", "2")
                expected = self.here(base, "--adapter", out)
                config = transformers.AutoConfig.from_pretrained(out)
                model = transformers.AutoModelForSequenceClassification.from_pretrained(base, config=config)
                with self.assertNoLogs("peft"), warnings.catch_warnings():
                    warnings.simplefilter("error", UserWarning)
                    model = peft.PeftModel.from_pretrained(model, out)
                whole = {name.split(".modules_to_save")[0] for name, _ in model.named_parameters() if "modules_to_save" in name}
                self.assertLessEqual(len(whole), 3, "only what was drawn anew")
                self.assert_same(self.there(model), expected)


if __name__ == "__main__":
    unittest.main()
