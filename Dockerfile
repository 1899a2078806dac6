# syntax=docker/dockerfile:1
# Two images from one file: `web` (no torch) and `worker` (with it). Their Python is the one the locks were made with.

FROM node:22-bookworm-slim AS frontend
WORKDIR /app/frontend
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY frontend/ ./
RUN npm run build

FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/app/platform:/app \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore \
    SOLCOMMUN_DATA_DIR=/data
# Debian's security updates are wanted, so the version is left open.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libexpat1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin solcommun \
    && install -d -o solcommun -g solcommun /data
WORKDIR /app
COPY requirements/web.txt requirements/web.txt
RUN pip install --require-hashes -r requirements/web.txt

# The code with what is made from it: translations, built front end, collected static files.
FROM base AS source
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gettext \
    && rm -rf /var/lib/apt/lists/*
COPY manage.py LICENSE ./
COPY platform/ platform/
COPY annotation/ annotation/
COPY learning/ learning/
COPY locale/ locale/
COPY --from=frontend /app/frontend/dist/ frontend/dist/
RUN find . -name '*.po' -exec sh -ec 'for po; do msgfmt --check-format -o "${po%.po}.mo" "$po"; done' sh {} + \
    && SECRET_KEY="$(python -c 'import secrets; print(secrets.token_hex(32))')" ALLOWED_HOSTS=build.invalid \
       DJANGO_SETTINGS_MODULE=config.settings.production python manage.py collectstatic --no-input -v 0

FROM base AS web
COPY --from=source /app/ /app/
ARG CODE_COMMIT=unknown
ENV DJANGO_SETTINGS_MODULE=config.settings.production SOLCOMMUN_CODE_COMMIT=$CODE_COMMIT
USER 10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["python", "platform/setup/healthcheck.py", "web"]
CMD ["gunicorn", "-c", "platform/setup/gunicorn.conf.py", "-b", "0.0.0.0:8000"]

FROM base AS worker
COPY requirements/worker.txt requirements/worker.txt
RUN pip install --require-hashes -r requirements/worker.txt
COPY --from=source /app/ /app/
ARG CODE_COMMIT=unknown
# Threads of a map or a training share the memory that is kept for them: learning/core/heap.py.
ENV DJANGO_SETTINGS_MODULE=config.settings.production SOLCOMMUN_CODE_COMMIT=$CODE_COMMIT MALLOC_ARENA_MAX=1
USER 10001
VOLUME /data
HEALTHCHECK --interval=60s --timeout=30s --start-period=60s CMD ["python", "platform/setup/healthcheck.py", "worker"]
CMD ["celery", "-A", "config.celery_app", "worker", "-Q", "default,cpu,gpu", "-c", "2", "-l", "INFO"]
