# docker build -t eeg2fmri .
#   --build-arg BASE=python:3.11-slim-bookworm@DIGEST                 for a release: the base by digest, which the image records
#   --build-arg VARIANT=cuda                                          for an NVIDIA GPU
#   --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cpu      a small torch, without CUDA libraries
ARG BASE=python:3.11-slim-bookworm

# ---- what the app needs: changes with the lock file only
FROM ${BASE} AS dependencies
ARG VARIANT=cpu
ARG TORCH_INDEX=""
COPY requirements-${VARIANT}.lock /requirements.lock
# The lock is complete. Only torch is asked for with what it brings: its wheel from a general index wants CUDA
# libraries that the CPU lock does not list. Headers and test suites are a tenth of the image and never run.
RUN python -m venv --without-pip /opt/eeg2fmri \
 && pip="python -m pip --python /opt/eeg2fmri/bin/python install --quiet --no-cache-dir --disable-pip-version-check" \
 && $pip --no-deps ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} --requirement /requirements.lock \
 && $pip --constraint /requirements.lock torch \
 && packages=$(/opt/eeg2fmri/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))") \
 && rm -rf "$packages"/torch/include "$packages"/torch/test "$packages"/torch/bin/test_* "$packages"/torch/bin/protoc* \
      "$packages"/bids_validator_deno/*.map \
 && for name in matplotlib mne networkx nibabel nilearn pandas scipy sklearn sympy; do \
      find "$packages/$name" -type d -name tests -prune -exec rm -rf {} +; done

# ---- the app itself, built with the tools of the lock
FROM dependencies AS app
COPY . /source
RUN python -m pip --python /opt/eeg2fmri/bin/python install --quiet --no-cache-dir --disable-pip-version-check \
      --no-deps --no-build-isolation --prefix /app /source \
 && chmod -R a+rX /app /source/version

FROM ${BASE}
COPY --from=dependencies /opt/eeg2fmri /opt/eeg2fmri
COPY --from=app /app /opt/eeg2fmri
COPY --from=app /source/version /version

# PYTHONNOUSERSITE: a home folder bound into the container must not add packages. HOME: any user id may write to /tmp.
# MPLCONFIGDIR: matplotlib insists on a folder that it may write to, and in a read-only container /dev/shm is the only one.
ENV PATH=/opt/eeg2fmri/bin:$PATH \
    PYTHONNOUSERSITE=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MPLBACKEND=Agg \
    MPLCONFIGDIR=/dev/shm/matplotlib \
    EEG2FMRI_CONTAINER=docker \
    HOME=/tmp \
    LANG=C.UTF-8
WORKDIR /tmp

ARG BASE
ARG VARIANT=cpu
ARG VERSION
ARG VCS_REF
ARG BUILD_DATE
LABEL org.opencontainers.image.base.name="${BASE}" \
      org.eeg2fmri.variant="${VARIANT}" \
      org.opencontainers.image.title="eeg2fmri" \
      org.opencontainers.image.description="A BIDS-App that learns fMRI from EEG and synthesizes BOLD from it" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${VCS_REF}" \
      org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.licenses="Apache-2.0"

ENTRYPOINT ["/opt/eeg2fmri/bin/eeg2fmri"]
