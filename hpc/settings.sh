# Read by the other scripts. Every variable may be set before; paths are absolute.
: "${BIDS:?the BIDS dataset}" "${OUT:?the output folder, shared by all jobs}"
IMAGE=${IMAGE:-$PWD/eeg2fmri.sif}     # the Apptainer image
FMRIPREP=${FMRIPREP:-}                # fMRIPrep's output, when it is to be reused
GPU=${GPU:-}                          # --nv for NVIDIA GPUs
OPTIONS=${OPTIONS:-}                  # further options of the app, such as "--skip-bids-validation"

# Folders have the same path inside and outside, so that messages name files as you know them.
binds=(-B "$BIDS:$BIDS:ro" -B "$OUT:$OUT")
derivatives=()
if [ -n "$FMRIPREP" ]; then
  binds+=(-B "$FMRIPREP:$FMRIPREP:ro")
  derivatives=(-d "fmriprep=$FMRIPREP")
fi
# EEG2FMRI names another way to start the app, such as an environment's eeg2fmri
read -ra app <<<"${EEG2FMRI:-apptainer run --cleanenv $GPU ${binds[*]} $IMAGE}"
read -ra options <<<"$OPTIONS"

labels() {   # the dataset's participants, one a line, without sub-
  local folder
  for folder in "$BIDS"/sub-*/; do folder=${folder%/}; echo "${folder##*/sub-}"; done
}
