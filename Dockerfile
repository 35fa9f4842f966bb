# The gateway with the dummy provider. Others are added by the one build argument PROVIDERS:
#   docker build --build-arg PROVIDERS="veneer-providers-acme==1.2.0" -t veneer .
# What is in it:
#   docker run --rm veneer cat /opt/veneer/sbom.cdx.json

FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv --without-pip /opt/veneer
WORKDIR /src
# All that comes from the index, each file by its hash.
COPY requirements requirements
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes --requirement requirements/build.txt && \
    pip --python /opt/veneer/bin/python install --compile --require-hashes --requirement requirements/image.txt
COPY . .
RUN pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /wheels \
    ./packages/protocol ./packages/providers-dummy ./services/gateway && \
    pip --python /opt/veneer/bin/python install --compile --no-index --no-deps /wheels/*.whl
# What to install beside the dummy: any arguments of pip install, folders of this checkout too.
ARG PROVIDERS=""
RUN --mount=type=cache,target=/root/.cache/pip \
    if [ -n "${PROVIDERS}" ]; then \
    pip --python /opt/veneer/bin/python install --compile ${PROVIDERS}; fi && \
    pip --python /opt/veneer/bin/python check && \
    cyclonedx-py environment --no-validate --output-reproducible --output-file /opt/veneer/sbom.cdx.json \
    /opt/veneer/bin/python

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin veneer
COPY --from=build /opt/veneer /opt/veneer
ENV PATH=/opt/veneer/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER veneer
EXPOSE 3000
CMD ["veneer", "serve"]
