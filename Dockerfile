# Stage one makes the wheel; stage two holds only what was installed from it.
FROM python:3.11-slim AS wheel
WORKDIR /src
COPY . .
RUN pip install --no-cache-dir "build>=1.3,<2" \
 && python -m build --wheel --outdir /wheel

FROM python:3.11-slim
LABEL org.opencontainers.image.title="eccoo-node" \
      org.opencontainers.image.licenses="AGPL-3.0-or-later"

RUN --mount=type=bind,from=wheel,source=/wheel,target=/wheel \
    pip install --no-cache-dir /wheel/*.whl \
 && useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin eccoo \
 && install -d -o eccoo -g eccoo -m 0700 /data

USER eccoo
ENV ECCOO_HOME=/data \
    PYTHONUNBUFFERED=1
WORKDIR /data
VOLUME /data
EXPOSE 8000

HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4).close()"]

# `serve` takes the data folder as it finds it: it makes it, brings it up to date, and prints the one-time set-up link.
CMD ["eccoo", "serve", "--host", "0.0.0.0", "--port", "8000"]
