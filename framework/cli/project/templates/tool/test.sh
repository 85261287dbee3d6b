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
"$lensbench" tool activations --model model --ids "3 1 4 1 5" --quiet --out added.h5 \
  --set 'hooks=blocks.*.hook_attn_out,blocks.*.hook_mlp_out'

# One line per element: its coordinates, then its value.
"$lensbench" export tool.h5 @NAME@/norm --format csv >norm.csv
for block in 0 1; do
  for part in attn_out mlp_out; do
    echo "component ${block}_$part" >>added.csv
    "$lensbench" export added.h5 "activations/blocks.$block.hook_$part" --format csv >>added.csv
  done
done

awk -F, '
  FNR == NR && FNR > 1 { got[$1 "," $2] = $NF }       # norm.csv: component is column 1, token 2
  FNR != NR && /^component / { component = substr($0, 11); next }
  FNR != NR && $1 != "token" { squares[component "," $1] += $NF * $NF }
  END {
    for (at in squares) {
      ++compared
      difference = got[at] - sqrt(squares[at])
      if (!(at in got) || difference > 1e-5 || difference < -1e-5) {  # float32 of values below 1
        print "component,token " at ": expected " sqrt(squares[at]) ", got " got[at]
        failed = 1
      }
    }
    if (compared != 20) { print "expected 4 components of 5 tokens, compared " compared + 0; failed = 1 }
    exit failed
  }' norm.csv added.csv
