#!/bin/sh
# usage: test.sh LENSBENCH FOLDER_OF_THE_PLUGIN
# Runs the experiment on a tiny random model, and recomputes its averages from the saved cases.
set -eu
lensbench=$1
plugins=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

echo '{"model_type": "gpt2", "n_layer": 2, "n_head": 2, "n_embd": 8, "n_positions": 16,
       "vocab_size": 32}' >config.json
"$lensbench" model init --config config.json --seed 1 model
"$lensbench" run @NAME@ --plugin-dir "$plugins" --model model --quiet --out run.h5 \
  --ids "3 1 4 1 5" --ids "9 2 6" --ids "5 3 5 8"

# One line per element: its coordinates, then its value.
"$lensbench" export run.h5 lens/entropy --format csv >cases.csv
"$lensbench" export run.h5 uncertainty/entropy_mean --format csv >mean.csv

awk -F, '
  FNR == 1 { next }
  FNR == NR { last[$1 "," $4] = $NF; next }       # cases.csv: layer is column 1, case 4; in order
  { got[$1] = $NF }                               # mean.csv: layer is column 1
  END {
    for (layer = 0; layer < 3; ++layer) {
      expected = (last[layer ",0"] + last[layer ",1"] + last[layer ",2"]) / 3
      difference = got[layer] - expected
      if (expected < 1 || difference > 1e-5 || difference < -1e-5) {
        print "layer " layer ": expected " expected ", got " got[layer]
        failed = 1
      }
    }
    exit failed
  }' cases.csv mean.csv
