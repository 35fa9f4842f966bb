"""wrk, which loads a server as much as it takes."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.peers.install import from_debian
from benchmarks.requests import Request

_SCRIPT = """
wrk.method = "POST"
wrk.body = {body}
{headers}
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\\nFIGURES {{"requests":%d,"microseconds":%d,"p50":%f,"p99":%f,"refused":%d,"broken":%d}}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
"""


@dataclass(frozen=True)
class Load:
    """What a server did under load."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failures: int

    @property
    def per_second(self) -> float:
        """Answers a second, those that failed left out."""
        return max(0, self.requests - self.failures) / self.seconds


def install() -> None:
    """Have wrk; raises UnavailableError."""
    from_debian("wrk", "wrk")


def load(port: int, request: Request, *, connections: int, seconds: float) -> Load:
    """Ask again and again on so many connections."""
    with TemporaryDirectory(prefix="bench-") as folder:
        script = Path(folder, "post.lua")
        script.write_text(
            _SCRIPT.format(
                body=json.dumps(request.body.decode()),
                headers="\n".join(
                    f'wrk.headers["{name}"] = "{value}"' for name, value in request.headers.items()
                ),
            )
        )
        options = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s"]
        done = subprocess.run(
            [
                "wrk",
                *options,
                "--latency",
                "-s",
                str(script),
                f"http://127.0.0.1:{port}{request.path}",
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds + 60,
        )
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("FIGURES "))
    figures = json.loads(line.removeprefix("FIGURES "))
    return Load(
        requests=figures["requests"],
        seconds=figures["microseconds"] / 1e6,
        p50_ms=figures["p50"] / 1e3,
        p99_ms=figures["p99"] / 1e3,
        failures=figures["refused"] + figures["broken"],
    )
