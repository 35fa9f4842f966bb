# The gateway with the dummy provider. Others are added by the one build argument PROVIDERS:
#   docker build --build-arg PROVIDERS="veneer-providers-acme==1.2.0" -t veneer .

FROM python:3.13-slim-bookworm AS build
RUN python -m venv --without-pip /opt/veneer
WORKDIR /src
COPY . .
# What to install beside the dummy: any arguments of pip install, folders of this checkout too.
ARG PROVIDERS=""
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/veneer/bin/python install --disable-pip-version-check --compile \
    ./packages/protocol ./packages/providers-dummy ./services/gateway ${PROVIDERS}

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin veneer
COPY --from=build /opt/veneer /opt/veneer
ENV PATH=/opt/veneer/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER veneer
EXPOSE 3000
CMD ["veneer", "serve"]
