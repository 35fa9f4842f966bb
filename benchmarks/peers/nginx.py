"""The limit of any server: nginx, with answers that are files, and as a reverse proxy."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence

from benchmarks.peers.install import from_debian
from benchmarks.peers.peer import Setup
from benchmarks.peers.raw_asgi import LAST, completion, event
from benchmarks.workload import CHUNKS, PIECE, TEXT

# Which answer is wanted is told by a header of our clients, for nginx does not look into bodies.
_CONFIGURATION = """
{user}
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr error;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_max_body_size 16m; keepalive_requests 1000000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  default_type application/json;
  map $http_x_bench $answer {{ default /plain.json; stream /stream.sse; }}
  types {{ application/json json; text/event-stream sse; }}
  upstream up {{ server {upstream}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096; root {folder};
    location = /v1/chat/completions {{
      if ($http_x_bench = hop) {{ proxy_pass http://up; }}
      proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
      error_page 418 =200 $answer;
      if ($http_x_bench != hop) {{ return 418; }}
    }}
  }}
}}
"""


def install() -> None:
    """Have nginx."""
    from_debian("nginx", "nginx-light")


def command(setup: Setup) -> Sequence[str]:
    """Write the answers and the configuration."""
    (setup.folder / "plain.json").write_bytes(completion(TEXT))
    pieces = CHUNKS * event(f'{{"content":"{PIECE}"}}')
    (setup.folder / "stream.sse").write_bytes(pieces + LAST)
    setup.folder.chmod(0o755)
    upstream = (setup.upstream or "http://127.0.0.1:9").removeprefix("http://").removesuffix("/v1")
    text = _CONFIGURATION.format(
        folder=setup.folder,
        port=setup.port,
        upstream=upstream,
        user="user root;" if os.geteuid() == 0 else "",
    )
    (setup.folder / "nginx.conf").write_text(text)
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    return [nginx, "-p", str(setup.folder), "-c", str(setup.folder / "nginx.conf")]


def version() -> str:
    """Name what is installed."""
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    said = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=True).stderr
    found = re.search(r"nginx/(\S+)", said)
    return f"nginx {found[1]}" if found else said.strip()
