"""LiteLLM's proxy with a custom provider: how it is installed and started."""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.install import run, tell
from benchmarks.peers.peer import Setup
from benchmarks.workload import MODELS, names

HERE = Path(__file__).parent
VENV = HERE / ".venv"
ENVIRONMENT = {
    # As its guide for production says; nothing is fetched, and nothing is told to anybody.
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "ERROR",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_DONT_SHOW_FEEDBACK_BOX": "true",
    "LITELLM_TELEMETRY": "False",
    # No other peer asks for a key.
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
    "NO_DOCS": "True",
    "DISABLE_ADMIN_UI": "True",
}


def install() -> None:
    """Have LiteLLM in a venv of its own, as it needs another openai than ours."""
    if not (VENV / "bin/litellm").exists():
        tell("installing litellm[proxy] into a venv of its own")
        uv = str(Path(sys.executable).with_name("uv"))
        run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)])
        wanted = str(HERE / "requirements.txt")
        run([uv, "pip", "install", "--quiet", "--python", str(VENV / "bin/python"), "-r", wanted])


def command(setup: Setup) -> Sequence[str]:
    """Write the configuration, and the handler beside it."""
    shutil.copy(HERE / "handler.py", setup.folder)
    served = [_entry(f"bench/{name}", f"bench/{name}") for name in names(setup.models)]
    if setup.upstream is not None:
        upstream = {"api_base": setup.upstream, "api_key": "none"}
        served += [_entry(f"up/{name}", f"openai/{name}", **upstream) for name in MODELS]
    configuration = {
        "model_list": served,
        "litellm_settings": {
            "custom_provider_map": [{"provider": "bench", "custom_handler": "handler.bench"}],
            "telemetry": False,
            "num_retries": 0,
            "request_timeout": 600,
        },
    }
    # JSON is YAML.
    path = setup.folder / "config.yaml"
    path.write_text(json.dumps(configuration))
    options = ["--config", str(path), "--host", "127.0.0.1", "--port", str(setup.port)]
    return [str(VENV / "bin/litellm"), *options, "--num_workers", "1", "--telemetry", "False"]


def version() -> str:
    """Name what is installed."""
    (metadata,) = VENV.glob("lib/python*/site-packages/litellm-[0-9]*.dist-info")
    return metadata.name.removesuffix(".dist-info").replace("-", " ")


def _entry(name: str, model: str, **parameters: str) -> dict[str, object]:
    return {"model_name": name, "litellm_params": {"model": model, **parameters}}
