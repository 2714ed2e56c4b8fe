"""From measured rows to tables and the ratios that valence is judged by."""

import statistics

import catalog

TYPE_PREFIX = {"fp32": "f32", "bf16": "bf16", "fp16": "fp16", "int8": "int8"}


def peak_of(precision, peaks, isa=""):
    """Gop/s of the fastest units for a type: tiles under random data where there are any and valence may use them
    (`isa` is VALENCE_ISA), else the fastest vector loop. None if no loop has the type."""
    kind = TYPE_PREFIX[precision]
    tiles = peaks.get(f"amx_{kind}_data")
    if tiles and (not isa or "amx" in isa):
        return tiles
    return max((gops for name, gops in peaks.items() if name.startswith(f"{kind}_")), default=None)


def fastest(rows, wanted, better=max, by="tokens_per_second"):
    return better((row for row in rows if wanted(row)), key=lambda row: row[by], default=None)


def is_ours(row):
    return row["engine"].startswith("valence")


def groups(rows, *keys):
    found = {}
    for row in rows:
        found.setdefault(tuple(row[key] for key in keys), []).append(row)
    return found


PAIRS = (  # title, ours, theirs
    ("int8 ÷ fastest peer", ("int8",), lambda row: True),
    ("int8 ÷ ONNX Runtime int8", ("int8",), lambda row: row["engine"] in catalog.ONNX_INT8),
    ("16 bit ÷ fastest 16-bit peer", ("fp16", "bf16"), lambda row: row["precision"] in ("fp16", "bf16")),
    ("fp32 ÷ fastest fp32 peer", ("fp32",), lambda row: row["precision"] == "fp32"),
)


def pair_ratios(rows, by, better):
    """[{what, ours, theirs, ratio}] within rows of one workload; ours ÷ theirs of `by`, the `better` one of each."""
    ratios = []
    for title, precisions, is_rival in PAIRS:
        ours = fastest(rows, lambda row: is_ours(row) and row["precision"] in precisions, better, by)
        theirs = fastest(rows, lambda row: not is_ours(row) and is_rival(row), better, by)
        if ours and theirs:
            ratio = ours[by] / theirs[by]
            ratios.append({"what": title, "ours": ours["engine"], "theirs": theirs["engine"], "ratio": ratio})
    return ratios


def all_ratios(report):
    ratios = []
    for key, rows in groups(report["texts"], "model", "threads", "workload", "order").items():
        for ratio in pair_ratios(rows, "tokens_per_second", max):
            ratios.append({"where": describe(key), **ratio})
    for key, rows in groups(report["single"], "model", "threads", "workload").items():
        for ratio in pair_ratios(rows, "p50_ms", min):
            ratios.append({"where": describe(key) + ", p50", **ratio})
    for key, rows in groups(report["text_in"], "model", "threads").items():
        ratios += text_in_ratios(describe(key) + ", text in", rows)
    return ratios + thread_ratios(report)


def describe(key):
    model, threads, *rest = key
    return ", ".join([model, f"{threads} thread" + "s" * (threads > 1), *rest])


def text_in_ratios(where, rows):
    """Every precision of ours against every way to run the pipeline; the time of the whole process counts for ours."""
    ours = [row for row in rows if is_ours(row)]
    theirs = [row for row in rows if not is_ours(row)]
    return [
        {
            "where": where,
            "what": "texts/s ÷ pipeline's",
            "ours": a["engine"],
            "theirs": f"{b['engine']}, batch of {b['batch']}",
            "ratio": a["texts_per_second"] / b["texts_per_second"],
        }
        for a in ours
        for b in theirs
    ]


def thread_ratios(report):
    """What more threads gain valence, and what they gain the register loops of its type in the same run."""
    ratios = []
    measures = (("texts", "tokens_per_second", 1), ("single", "p50_ms", -1))
    for table, by, power in measures:
        for key, rows in groups(report[table], "model", "workload", "order", "engine").items():
            one = next((row for row in rows if row["threads"] == 1), None)
            for row in rows:
                if not one or row is one or not is_ours(row):
                    continue
                gain = (row[by] / one[by]) ** power
                loops = row["peak_gops"] / one["peak_gops"] if row.get("peak_gops") and one.get("peak_gops") else None
                if table == "single":
                    loops = bandwidth_gain(report, row["threads"])
                what = f"{row['threads']} threads ÷ 1"
                rival = f"loops gain {loops:.2f}: a share of {gain / loops:.2f}" if loops else "loops not measured"
                where = ", ".join(part for part in key[:3] if part)
                ratios.append({"where": where, "what": what, "ours": row["engine"], "theirs": rival, "ratio": gain})
    return ratios


def bandwidth_gain(report, threads):
    read = {entry["threads"]: entry["peaks"].get("read_gbs") for entry in report["peaks"]}
    return read[threads] / read[1] if read.get(1) and read.get(threads) else None


def print_tables(report):
    for key, rows in groups(report["texts"], "model", "threads").items():
        print(f"\n## {describe(key)}: token ids in, logits out\n")
        print("| texts | order | engine | batch | tokens/s | spread | Gflop/s | of peak | done | logits | labels |")
        print("|---" * 11 + "|")
        for row in sorted(rows, key=lambda row: (row["workload"], row["order"], -row["tokens_per_second"])):
            spread = (max(row["seconds"]) - min(row["seconds"])) / statistics.median(row["seconds"])
            spread = f"{spread:.0%}" if len(row["seconds"]) > 1 else "one pass"
            print_row(
                f"{row['workload']}, {row['texts']}",
                *(row["order"], row["engine"], row["batch"]),
                *(f"{row['tokens_per_second']:,.0f}", spread, f"{row['gflops']:,.0f}"),
                *(percent(row["share_of_peak"]), percent(row["share_done"])),
                *(scientific(row["logit_difference"]), percent(row["labels_equal"])),
            )
    for key, rows in groups(report["single"], "model", "threads").items():
        print(f"\n## {describe(key)}: one text at a time\n")
        print("| text | engine | p50 ms | p99 ms | calls |\n|---|---|---|---|---|")
        for row in sorted(rows, key=lambda row: (len(row["workload"]), row["workload"], row["p50_ms"])):
            times = f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}"
            print_row(row["workload"], row["engine"], *times, row["calls"])
    for key, rows in groups(report["text_in"], "model", "threads").items():
        print(f"\n## {describe(key)}: text in, label out\n")
        print("| engine | batch | texts | texts/s | of it start, s |\n|---|---|---|---|---|")
        for row in sorted(rows, key=lambda row: -row["texts_per_second"]):
            start = f"{row['start_seconds']:.2f}" if row["start_seconds"] else ""
            print_row(row["engine"], row["batch"], row["texts"], f"{row['texts_per_second']:,.1f}", start)
    print("\n## Ratios\n\n| where | what | | against | |\n|---|---|---|---|---|")
    for ratio in report["ratios"]:
        print_row(ratio["where"], ratio["what"], ratio["ours"], ratio["theirs"], f"**{ratio['ratio']:.2f} ×**")
    print("\nPeaks, Gop/s (read_gbs: GB/s):")
    for entry in report["peaks"]:
        print(f"  {entry['threads']} thread(s): " + ", ".join(f"{k} {v:,.0f}" for k, v in entry["peaks"].items()))
    if report["skipped"]:
        print("\nLeft out:")
        for name, reason in report["skipped"].items():
            print(f"  {name}: {reason}")


def print_row(*cells):
    print("| " + " | ".join(map(str, cells)) + " |")


def percent(share):
    return "" if share is None else f"{share:.1%}"


def scientific(value):
    return "" if value is None else f"{value:.0e}"
