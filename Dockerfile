# The image of the service. docs/operating/containers.md says how to build it and run it; `make image` tests it.

# Pin the digest of a release with --build-arg BASE=docker.io/library/python:3.11-slim-bookworm@sha256:…
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS build
WORKDIR /srv/pangeo-forge
# The service runs in an environment without pip. The pip of another environment installs into it.
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip .venv
# Optional packages, separated by blanks: `repr` to open and inspect datasets, `sentry`, `otel`.
ARG EXTRAS=repr
COPY requirements.txt ./
COPY requirements/*.txt requirements/
# The secret is a pip.conf, for builds that use an index other than PyPI. It does not become part of the image.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    set -- -r requirements.txt; \
    for extra in ${EXTRAS}; do set -- "$@" -r "requirements/$extra.txt"; done; \
    /opt/pip/bin/pip --python .venv/bin/python install --no-cache-dir --require-hashes --only-binary :all: "$@"
COPY . ./
RUN python3 -m compileall -q app config.py wsgi.py migrations

FROM ${BASE}
WORKDIR /srv/pangeo-forge
COPY --from=build /srv/pangeo-forge ./
# The commit that the image is built from. Sentry's package reads it, too.
ARG REVISION=
ENV PATH=/srv/pangeo-forge/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PORT=8000 \
    SENTRY_RELEASE=${REVISION}
LABEL org.opencontainers.image.title="Pangeo Forge API" \
      org.opencontainers.image.description="The catalogue of Pangeo Forge: bakeries, feedstocks, recipe runs and the datasets they publish." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.url="https://pangeo-forge.org" \
      org.opencontainers.image.revision="${REVISION}"
# A number, so that Kubernetes can check that it is not root.
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=4)"]
ENTRYPOINT ["/srv/pangeo-forge/deploy/entrypoint"]
CMD ["web"]
