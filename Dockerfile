# One process of Chat Rooms: docker build --tag chat-rooms . && docker run --init -p 8000:8000 -v chat-rooms:/var/lib/chat-rooms --stop-timeout 35 chat-rooms
# Its commands: docker run … chat-rooms check. Not run by us: where this was written there is no Docker daemon; tests do by hand what it says.

FROM python:3.11-slim-bookworm AS build
# [otel], [fast] or [otel,fast]: docker build --build-arg 'EXTRAS=[otel]' …
ARG EXTRAS=""
WORKDIR /build
# All that .dockerignore lets through, which is what a wheel is made of.
COPY . .
RUN pip wheel --no-deps --wheel-dir dist .
# This folder alone goes into the image: neither pip's cache nor the source.
RUN python -m venv --without-pip /opt/chat-rooms \
 && pip --python /opt/chat-rooms/bin/python install --constraint constraints.txt "$(echo dist/*.whl)$EXTRAS"

FROM python:3.11-slim-bookworm
COPY --from=build /opt/chat-rooms /opt/chat-rooms
# A volume takes its owner and mode from this folder when it is made. By number, for who asks for a user that is not root sees no names.
RUN groupadd --system --gid 990 chat-rooms \
 && useradd --system --uid 990 --gid 990 --home-dir /var/lib/chat-rooms --shell /usr/sbin/nologin chat-rooms \
 && install -d -o 990 -g 990 -m 700 /var/lib/chat-rooms
USER 990:990
# A container's loopback is its own: on it nobody would reach the server. Every address, IPv4's alone, since not each container has IPv6 (HOST=::).
# Who may come from outside is for the one who publishes the port to say; metrics stay with METRICS_ALLOW, and no proxy is believed but by TRUSTED_PROXIES.
ENV PATH=/opt/chat-rooms/bin:$PATH HOST=0.0.0.0 PORT=8000 DATA_DIR=/var/lib/chat-rooms
VOLUME /var/lib/chat-rooms
EXPOSE 8000
# It drains within 30 s, and Docker waits for 10 only: --stop-timeout 35, or compose's stop_grace_period.
STOPSIGNAL SIGTERM
# Not urllib.request, which would ask a proxy where HTTP_PROXY is set.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
 CMD ["python", "-c", "import os, sys, http.client; server = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); server.request('GET', '/health/ready'); sys.exit(server.getresponse().status != 200)"]
ENTRYPOINT ["chat-rooms"]
CMD ["serve"]
