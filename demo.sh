#!/usr/bin/env bash
# The main job from end to end, on the embedded sample: `make demo` runs it with the wheel installed in .venv.
# Everything it makes lies in the folder given (default demo/): the local Hub's store, the suite index, the
# release, the fine-tune's run folder, the result tables. Nothing leaves this computer.
set -euo pipefail

demo="$(mkdir -p "${1:-demo}" && cd "${1:-demo}" && pwd)"
say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
show() { printf '\033[2m$ %s\033[0m\n' "$*"; "$@"; }

# A demo starts from nothing, and so it can be run again.
rm -rf "$demo"/{hub,cache,build,run,scores,empty} "$demo"/{suite-index.json,hub.log}
mkdir -p "$demo/empty"
# Every load runs in an empty folder: a folder named like the dataset would be read in the Hub's place.
cd "$demo/empty"

say "1. A Hub on this computer, with the rows of a small evaluation suite"
port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
show lrl tasks sample swahili-instruct --hub "$demo/hub"
lrl hub serve --port "$port" --dir "$demo/hub" > "$demo/hub.log" 2>&1 &
hub=$!
trap 'kill $hub 2>/dev/null || true' EXIT
python - "$port" <<'PYTHON'
import socket, sys, time
for _ in range(300):
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1).close()
        break
    except OSError:
        time.sleep(0.1)
else:
    sys.exit("the local Hub did not start; see hub.log")
PYTHON
# What a user of the real Hub need not set. Everything below talks to this Hub alone.
export HF_ENDPOINT="http://127.0.0.1:$port" HF_HOME="$demo/cache" HF_HUB_DISABLE_TELEMETRY=1
export HF_HUB_DISABLE_PROGRESS_BARS=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1 TOKENIZERS_PARALLELISM=false
# Bars are for a terminal; models this small are slower on two threads than on one.
[ -t 2 ] || export TQDM_DISABLE=1
export OMP_NUM_THREADS=1
echo "HF_ENDPOINT=$HF_ENDPOINT"

say "2. What the suite contains, as hashes: no training row may share it"
show lrl tasks index --out "$demo/suite-index.json"

say "3. Campaign files to a release folder"
show lrl build swahili-instruct --sample --suite-index "$demo/suite-index.json" --out "$demo/build"

say "4. Publish: one commit, verified, then the tag"
show lrl publish "$demo/build/lrl-align/swahili-instruct" --endpoint "$HF_ENDPOINT"

say "5. Load it back, as anyone would"
python - <<'PYTHON'
from datasets import get_dataset_config_names, load_dataset

name, revision = "lrl-align/swahili-instruct", "v1.0.0"
print(f'load_dataset("{name}", revision="{revision}")')
for config in get_dataset_config_names(name, revision=revision):
    for split, rows in load_dataset(name, config, revision=revision).items():
        print(f"  {config:12} {split:11} {rows.num_rows:5} rows")
row = load_dataset(name, revision=revision, split="test", streaming=True)
row = next(iter(row))
print("\na held-out row:")
for turn in row["messages"]:
    print(f"  {turn['role']}: {turn['content']}")
print(f"  helpfulness {row['helpfulness']} from {row['n_votes']} votes, annotator {row['annotator']}")
PYTHON

say "6. The reference fine-tune, at demo size: trained on the train split, measured before and after"
show lrl finetune demo --out "$demo/run"

say "7. The bare lm_eval command, on the trained model"
show lm_eval --model hf --model_args "pretrained=$demo/run/model" --tasks sw_suite --device cpu --batch_size 8 \
  --output_path "$demo/scores"

say "Done"
echo "release:  $demo/build/lrl-align/swahili-instruct (README.md is its card)"
echo "run:      $demo/run"
echo "scores:   $demo/scores"
echo "serve the Hub again:  lrl hub serve --dir $demo/hub --port $port"
