#!/usr/bin/env python3
"""Records fifty steps of transformers' Trainer, and of the same with peft's LoRA, as goldens for tests/parity.

    python tools/make_training_goldens.py --out tests/parity/data/training

Small models with random weights by the recipe of tests/support/random_checkpoint.h, random token ids in the order they
stand, no dropout, one thread: the loss of every step, and at the end the norm of each parameter and its product with a
vector of random signs. In f32, and with Trainer's bf16 (autocast on the CPU).

Needs torch, transformers, accelerate, peft and numpy; their versions are written into the goldens.
"""

import argparse
import json
import pathlib
import tempfile

import numpy as np
import peft
import torch
from transformers import Trainer, TrainingArguments

from make_gradient_goldens import without_padding, write
from make_model_goldens import classifier, randomize, versions, words

STEPS = 50


def cases():
    plain = {"learning_rate": 1e-3, "weight_decay": 0.01, "warmup_steps": 5, "lr_scheduler_type": "linear"}
    return {
        "bert_full": (classifier("bert", 64, 2, 2, 200, num_labels=3), plain, None),
        "distilbert_cosine_accumulated": (
            classifier("distilbert", 64, 2, 2, 200, num_labels=2),
            {**plain, "lr_scheduler_type": "cosine", "gradient_accumulation_steps": 2, "max_grad_norm": 0.5,
             "label_smoothing_factor": 0.1}, None),
        "bert_lora": (classifier("bert", 64, 2, 2, 200, num_labels=3), {**plain, "weight_decay": 0.0},
                      {"r": 4, "lora_alpha": 8, "target_modules": ["query", "value"]}),
        "distilbert_lora": (classifier("distilbert", 64, 2, 2, 200, num_labels=2), {**plain, "weight_decay": 0.0},
                            {"r": 8, "lora_alpha": 16, "target_modules": ["q_lin", "v_lin", "lin1"]}),
        # Matrices that hold several: query, key and value; gate and up.
        "modernbert_lora": (classifier("modernbert", 64, 4, 2, 200, ffn=2, num_labels=3, local_attention=64,
                                       classifier_pooling="mean", max_position_embeddings=8192, pad_token_id=0,
                                       bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2),
                            {**plain, "weight_decay": 0.0},
                            {"r": 4, "lora_alpha": 8, "target_modules": ["Wqkv", "Wi", "attn.Wo"]}),
        # The same, stored [in_features, out_features].
        "gpt2_lora": (classifier("gpt2", 64, 2, 2, 200, num_labels=2, n_positions=128, pad_token_id=0, bos_token_id=1,
                                 eos_token_id=2), {**plain, "weight_decay": 0.0},
                      {"r": 4, "lora_alpha": 8, "target_modules": ["c_attn", "c_fc"], "fan_in_fan_out": True}),
        "bert_full_bf16": (classifier("bert", 64, 2, 2, 200, num_labels=3), {**plain, "bf16": True}, None),
        "bert_lora_bf16": (classifier("bert", 64, 2, 2, 200, num_labels=3),
                           {**plain, "weight_decay": 0.0, "bf16": True},
                           {"r": 4, "lora_alpha": 8, "target_modules": ["query", "value"]}),
    }


def rows_for(config, count, seed):
    """Texts whose label is to be learned: it hangs on which ids occur."""
    random = np.random.Generator(np.random.PCG64(seed))
    rows = []
    for _ in range(count):
        label = int(random.integers(0, config.num_labels))
        ids = random.integers(0, 190, int(random.integers(3, 30)))
        ids[random.integers(0, len(ids))] = label
        rows.append({"input_ids": ids.tolist(), "labels": label})
    return without_padding(rows, 0)


def collate(rows):
    longest = max(len(row["input_ids"]) for row in rows)
    return {"input_ids": torch.tensor([row["input_ids"] + [0] * (longest - len(row["input_ids"])) for row in rows]),
            "attention_mask": torch.tensor([[1] * len(row["input_ids"]) + [0] * (longest - len(row["input_ids"]))
                                            for row in rows]),
            "labels": torch.tensor([row["labels"] for row in rows])}


class Recording(Trainer):
    losses = None

    def compute_loss(self, model, inputs, **arguments):
        loss = super().compute_loss(model, inputs, **arguments)
        self.losses.append(float(loss.detach()))
        return loss

    def _get_train_sampler(self, *_):
        return torch.utils.data.SequentialSampler(self.train_dataset)


def set_lora(model, seed):
    """A as the recipe has it, B zero."""
    tensors = []
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" not in name:
                continue
            own = name.replace("base_model.model.", "").replace(".default", "")
            parameter.copy_(torch.zeros_like(parameter) if "lora_B" in name else torch.from_numpy(
                (1.0 - 2.0 * (words(own, seed, parameter.numel()) >> np.uint64(63)).astype(np.float32)).reshape(
                    tuple(parameter.shape)) * np.float32(0.0625)))
            tensors.append(own)
    return tensors


def record(name, auto, config, settings, lora, seed):
    for key in ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout",
                "seq_classif_dropout", "embd_pdrop", "attn_pdrop", "resid_pdrop"):
        if hasattr(config, key):
            setattr(config, key, 0.0)
    model = auto.from_config(config, attn_implementation="eager")
    weights = randomize(model, seed, "F32")
    if lora:
        model = peft.get_peft_model(model, peft.LoraConfig(task_type="SEQ_CLS", **lora))
        set_lora(model, seed)
    accumulated = settings.get("gradient_accumulation_steps", 1)
    rows = rows_for(config, STEPS * 8 * accumulated, seed)
    with tempfile.TemporaryDirectory() as directory:
        trainer = Recording(model=model, train_dataset=rows, data_collator=collate, args=TrainingArguments(
            output_dir=directory, max_steps=STEPS, per_device_train_batch_size=8, report_to=[], save_strategy="no",
            logging_strategy="no", use_cpu=True, seed=seed, remove_unused_columns=False, disable_tqdm=True, **settings))
        trainer.losses = []
        trainer.train()
    # Trainer divides the loss of each batch by the rows of the whole step.
    losses = [sum(trainer.losses[i:i + accumulated]) for i in range(0, len(trainer.losses), accumulated)]
    final = []
    for key, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        own = key.replace("base_model.model.", "").replace(".default", "").replace(".modules_to_save", "")
        value = parameter.detach().double().numpy().reshape(-1)
        signs = 1.0 - 2.0 * (words(f"{own}#0", 1, value.size) >> np.uint64(63)).astype(np.float64)
        final.append({"name": own, "norm": float(np.linalg.norm(value)), "product": float(np.dot(signs, value))})
    return {"name": name, "command": f"tools/make_training_goldens.py --only {name}",
            "versions": {**versions(), "peft": peft.__version__}, "config": json.loads(config.to_json_string()),
            "settings": settings, "lora": lora, "weights": weights,
            "rows": [[row["labels"], *row["input_ids"]] for row in rows], "losses": losses, "final": final}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("tests/parity/data/training"))
    parser.add_argument("--only", nargs="+", metavar="NAME")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for index, (name, ((auto, config), settings, lora)) in enumerate(cases().items()):
        if arguments.only and name not in arguments.only:
            continue
        golden = record(name, auto, config, settings, lora, index + 1)
        write(arguments.out / f"{name}.json", golden)
        print(f"loss {golden['losses'][0]:.4f} -> {golden['losses'][-1]:.4f}")


if __name__ == "__main__":
    main()
