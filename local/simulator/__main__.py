"""Run the simulator until it is interrupted: `python -m local.simulator --port 8080 [--key sk-…]`."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor

import uvicorn

from local.simulator.connection import CuttableProtocol
from local.simulator.recognition import exit_with_server
from local.simulator.scenario import Behaviour
from local.simulator.server import Simulator


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local.simulator", description="A simulator of DashScope.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on (%(default)s)")
    parser.add_argument("--key", action="append", help="an API key to accept; may be given several times (any key)")
    arguments = parser.parse_args()
    public_url = f"http://{arguments.host}:{arguments.port}"
    recognisers = ProcessPoolExecutor(
        max_workers=max(1, os.cpu_count() or 1),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=exit_with_server,
    )
    simulator = Simulator(public_url, recognisers, Behaviour(api_keys=arguments.key))
    print(f"DashScope simulator: {public_url} (SDK: DASHSCOPE_HTTP_BASE_URL={public_url}/api/v1)", flush=True)
    uvicorn.run(
        simulator.application(),
        host=arguments.host,
        port=arguments.port,
        log_level="warning",
        http=CuttableProtocol,
        timeout_graceful_shutdown=1,  # a request with a `hang` fault must not delay the shutdown
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
