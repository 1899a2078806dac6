"""The web process: threads, because it waits on PostgreSQL and on files far more than it computes."""

import os
import tempfile
from pathlib import Path

# A query a person waits for ends before they give up; jobs and commands have no such limit.
os.environ.setdefault("STATEMENT_TIMEOUT_MS", "15000")

wsgi_app = "config.wsgi:application"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
timeout = 60
graceful_timeout = 20
keepalive = 15
# Each worker starts anew now and then, at different times, so that a slow leak stays small.
max_requests = 20_000
max_requests_jitter = 4_000
# The heartbeat file must not wait for a busy disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else tempfile.gettempdir()  # noqa: S108 gunicorn's own advice
# Its default place is the home folder, where two sites would meet.
control_socket_disable = True
accesslog = "-"
# Without the visitor's address: nothing here needs it.
access_log_format = '%(t)s "%(m)s %(U)s" %(s)s %(b)s bytes %(M)s ms'
