"""A DashScope of our own: the vendor's HTTP interface over real downloads, real decoding and real recognition.

`python -m local.simulator --port 8080` starts it; the official SDK works against it with
`DASHSCOPE_HTTP_BASE_URL=http://127.0.0.1:8080/api/v1`.

`checks` refuses what the vendor refuses, `tasks` is a task's life, `recognition` turns media into a result JSON,
`play` is what tests make it do (answers by script, faults on request), `server` is the HTTP side, `connection` cuts
connections.
"""
