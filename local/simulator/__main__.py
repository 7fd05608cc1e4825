"""Run the simulator until it is interrupted: `python -m local.simulator --port 8080 [--key sk-…]`."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor

from local.simulator.recognition import exit_with_server, load_model


def main() -> int:
    # Not at the top: the processes of the recogniser import this module, and would import the server for 0.3 s of CPU.
    import uvicorn

    from local.simulator.connection import CuttableProtocol
    from local.simulator.scenario import Behaviour
    from local.simulator.server import Simulator

    parser = argparse.ArgumentParser(prog="python -m local.simulator", description="A simulator of DashScope.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on (%(default)s)")
    parser.add_argument("--key", action="append", help="an API key to accept; may be given several times (any key)")
    parser.add_argument(
        "--latency",
        type=float,
        default=0.06,
        help="seconds that every response takes at least, as on a network (%(default)s); with 0, a client that queries "
        "without a pause exceeds the vendor's 20 queries a second",
    )
    parser.add_argument(
        "--strict", action="store_true", help="refuse requests that no page of the vendor shows; for tests of a client"
    )
    parser.add_argument(
        "--load-recogniser", action="store_true", help="load the recogniser at once, not with the first recording"
    )
    arguments = parser.parse_args()
    public_url = f"http://{arguments.host}:{arguments.port}"
    processes = max(1, os.cpu_count() or 1)
    recognisers = ProcessPoolExecutor(
        max_workers=processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=exit_with_server,
    )
    if arguments.load_recogniser:
        for _ in range(processes):
            recognisers.submit(load_model)
    behaviour = Behaviour(api_keys=arguments.key, latency_seconds=arguments.latency, strict=arguments.strict)
    simulator = Simulator(public_url, recognisers, behaviour)
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
