"""transformers' Trainer on rows of (text, label), for the benchmarks beside it. Needs torch, transformers, accelerate."""


def make_trainer(model, train, dev, threads, output_dir, max_length=None, lora=None, collator=None, callbacks=None, **options):
    """A Trainer of `model`'s directory: dynamic padding, accuracy on `dev` (rows with labels of `train`, or None), on the CPU.

    `seed` (42) also draws the new head. lora: the arguments of peft's LoraConfig, or None for all parameters. collator: a class
    in place of DataCollatorWithPadding. options: TrainingArguments beside those that keep it quiet.
    """
    import torch
    import transformers
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding

    torch.set_num_threads(threads)
    labels = sorted({label for _, label in train})
    tokenizer = AutoTokenizer.from_pretrained(model)

    def encoded(rows):
        ids = tokenizer([text for text, _ in rows], truncation=True, max_length=max_length)["input_ids"]
        return [{"input_ids": each, "labels": labels.index(label)} for each, (_, label) in zip(ids, rows, strict=True)]

    transformers.set_seed(options.get("seed", 42))  # a new head draws its weights before Trainer seeds anything
    network = AutoModelForSequenceClassification.from_pretrained(model, num_labels=len(labels))
    if lora is not None:
        import peft

        network = peft.get_peft_model(network, peft.LoraConfig(task_type="SEQ_CLS", **lora))
    return transformers.Trainer(
        model=network, train_dataset=encoded(train), eval_dataset=None if dev is None else encoded(dev),
        data_collator=(collator or DataCollatorWithPadding)(tokenizer), callbacks=callbacks,
        compute_metrics=lambda said: {"accuracy": float((said.predictions.argmax(-1) == said.label_ids).mean())},
        args=transformers.TrainingArguments(output_dir=str(output_dir), use_cpu=True, report_to=[], disable_tqdm=True,
                                            **options))  # fmt: skip
