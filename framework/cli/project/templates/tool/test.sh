#!/bin/sh
# usage: test.sh LENSBENCH FOLDER_OF_THE_PLUGIN
# Runs the tool on a tiny random model, and computes the expected result from the raw activations.
set -eu
lensbench=$1
plugins=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

echo '{"model_type": "gpt2", "n_layer": 2, "n_head": 2, "n_embd": 8, "n_positions": 16,
       "vocab_size": 32}' >config.json
"$lensbench" model init --config config.json --seed 1 model
"$lensbench" tool @NAME@ --plugin-dir "$plugins" --model model --ids "3 1 4 1 5" --quiet --out tool.h5
"$lensbench" tool activations --model model --ids "3 1 4 1 5" --quiet --out stream.h5 \
  --set 'hooks=blocks.0.hook_resid_pre,blocks.*.hook_resid_post'

# One line per element: its coordinates, then its value.
"$lensbench" export tool.h5 @NAME@/norm --format csv >norm.csv
for stream in blocks.0.hook_resid_pre blocks.0.hook_resid_post blocks.1.hook_resid_post; do
  "$lensbench" export stream.h5 "activations/$stream" --format csv >>stream.csv
done

awk -F, '
  FNR == 1 { layer = -1 }
  FNR == NR && FNR > 1 { got[$1 "," $3] = $NF }                # norm.csv: layer is column 1, token 3
  FNR != NR && $1 == "token" { ++layer; next }                 # stream.csv: a heading starts a layer
  FNR != NR { squares[layer "," $1] += $NF * $NF }
  END {
    for (at in squares) {
      ++compared
      difference = got[at] - sqrt(squares[at])
      if (!(at in got) || difference > 1e-5 || difference < -1e-5) {  # float32 of values below 1
        print "layer,token " at ": expected " sqrt(squares[at]) ", got " got[at]
        failed = 1
      }
    }
    if (compared != 15) { print "expected 3 layers of 5 tokens, compared " compared + 0; failed = 1 }
    exit failed
  }' norm.csv stream.csv
