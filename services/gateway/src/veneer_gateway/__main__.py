"""`python -m veneer_gateway` is `veneer serve`."""

from veneer_gateway.cli import serve

if __name__ == "__main__":
    serve(prog_name="python -m veneer_gateway")
