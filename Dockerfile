# The image of reelkeep: docs/how-to/docker.md. Needs BuildKit, which every current Docker has.
#   docker build --tag reelkeep .
# BASE is any image with Python 3.11 or newer and its venv module; without a network, wheels come from
# a folder: --build-context wheels=FOLDER --build-arg PIP_NO_INDEX=1
ARG BASE=python:3.13-slim

FROM scratch AS wheels

FROM ${BASE} AS build
ARG PIP_NO_INDEX=
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python3 -m venv /opt/reelkeep
COPY . .
# a pip.conf with a mirror, and what opens it, is passed as a secret: it is in no layer
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=bind,from=wheels,target=/wheels \
    PIP_NO_INDEX=${PIP_NO_INDEX:-0} PIP_FIND_LINKS=/wheels \
    /opt/reelkeep/bin/pip install --quiet --constraint constraints.txt . && \
    /opt/reelkeep/bin/pip uninstall --quiet --yes pip setuptools && \
    /opt/reelkeep/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/reelkeep

FROM ${BASE}
COPY --from=build /opt/reelkeep /opt/reelkeep
# whoever --user says may write the volumes; what is in them is readable by that user only
RUN install -d -m 1777 /var/lib/reelkeep /var/lib/reelkeep/archive
ENV PATH=/opt/reelkeep/bin:$PATH PYTHONDONTWRITEBYTECODE=1 LANG=C.UTF-8
USER 10001:10001
WORKDIR /var/lib/reelkeep
VOLUME ["/var/lib/reelkeep", "/var/lib/reelkeep/archive"]
EXPOSE 9477
HEALTHCHECK --interval=30s --timeout=10s --start-period=2m --start-interval=1s CMD ["reelkeep", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["reelkeep"]
CMD ["run"]
