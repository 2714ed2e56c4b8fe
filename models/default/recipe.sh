#!/bin/bash
# Rebuilds the built-in model and every figure of its card: environment, three training stages, three held-out runs,
# int8 export, evaluation. Run from anywhere; about two hours on two CPU cores.
#
#   models/default/recipe.sh [DATA] [WORK]      default: ../shared/data and build/default_model under the repository
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
repository="$(cd "$here/../.." && pwd)"
data="$(realpath "${1:-$repository/../shared/data}")"
work="${2:-$repository/build/default_model}"

mkdir -p "$work"
if [ ! -x "$work/venv/bin/python" ]; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
fi
python="$work/venv/bin/python"
runs="$work/runs"
share=0.32 # of the common model in the average; chosen on dev, see the card

"$python" "$here/check_frames.py" --data "$data"
"$python" "$here/train.py" --stage common --data "$data" --out "$runs/common" --lr 1e-4 --last-lr 2e-5
"$python" "$here/train.py" --stage final --data "$data" --init "$runs/common" --out "$runs/final"
"$python" "$here/train.py" --stage polish --data "$data" --init "$runs/final" --out "$runs/polish" --lr 6e-5
for group in reviews tweets goemotions; do  # fewer rows: they measure the recipe, nobody uses them
  "$python" "$here/train.py" --stage $group --fraction 0.35 --data "$data" --init "$runs/common" --out "$runs/$group"
done
"$python" "$here/average.py" --a "$runs/common" --b "$runs/polish" --share $share --out "$runs/average"
"$python" "$here/export.py" --model "$runs/average" --common "$runs/common" --data "$data" \
  --f32 "$work/f32" --dequantised "$work/dequantised"
"$python" "$here/measure.py" --f32 "$work/f32" --dequantised "$work/dequantised" --runs "$runs" --share $share --data "$data"
"$python" "$here/card_figures.py"
