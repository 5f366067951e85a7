#!/bin/bash
# Fetch ds000116: the BIDS tree from OpenNeuro, and the EEG from openFMRI.
#   fetch-ds000116.sh FOLDER [NUMBER ...]    participants by number, all 17 when none is given
# Started again, it goes on where it was. Needs curl, tar and the AWS command line (no account).
set -euo pipefail

if [ $# -lt 1 ]; then
  sed -n '2,4s/^# //p' "$0" >&2
  exit 64
fi
folder=$1
shift
numbers=("$@")
[ $# -gt 0 ] || mapfile -t numbers < <(seq 17)

bids=$folder/bids
legacy=$folder/openfmri
mkdir -p "$bids" "$legacy"

include=()
for number in "${numbers[@]}"; do
  include+=(--include "sub-$(printf %02d "$((10#$number))")/*")
done
aws s3 sync --no-sign-request s3://openneuro.org/ds000116 "$bids" \
  --exclude 'sub-*' "${include[@]}" --exclude '*_inplaneT2.nii.gz'

for number in "${numbers[@]}"; do
  name=sub$(printf %03d "$((10#$number))")
  if compgen -G "$legacy/$name/EEG/*/EEG_rereferenced.mat" > /dev/null; then
    continue
  fi
  archive=$legacy/ds116_$name.tgz
  curl --fail --location --continue-at - --output "$archive" \
    "https://openfmri.s3.amazonaws.com/tarballs/ds116_$name.tgz"
  # An archive may or may not have a folder around sub001; the EEG alone is taken out of it.
  tar --extract --gzip --file "$archive" --directory "$legacy" --wildcards "*$name/EEG/*"
  if [ -d "$legacy/ds116_$name/$name" ]; then
    mv "$legacy/ds116_$name/$name" "$legacy/$name"
    rmdir "$legacy/ds116_$name"
  fi
  rm "$archive"
done

echo "eeg2fmri $bids OUT participant --eeg-dir $legacy"
